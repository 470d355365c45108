"""A metric as Prometheus stores it: type, labels, unit, and the edges of a histogram."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

MetricType = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of one source.

    `unit` is in words; `ratio` (0 to 1), `percent` (0 to 100) and `0 or 1` bound what it may be
    compared with. `labels` are the exporter's and those of the scrape. `edges` are the finite `le`
    of a histogram, and none where a setting decides. `condition` says when it is exported, and is
    empty where that is always.
    """

    name: str
    type: MetricType
    unit: str
    labels: frozenset[str]
    source: str
    edges: tuple[float, ...] = ()
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Scrape:
    """How Prometheus gets at an exporter: the labels that it adds, and whose win.

    Where both have a label of one name the scrape's wins, and the exporter's becomes
    `exported_<name>`; with `honorLabels` the exporter's wins.
    """

    labels: frozenset[str]
    honors_labels: bool = False

    def stored(self, own: frozenset[str]) -> frozenset[str]:
        if self.honors_labels:
            return own | self.labels
        return self.labels | {
            f"exported_{label}" if label in self.labels else label for label in own
        }


_TARGET = frozenset({"job", "instance", "endpoint"})
_POD = _TARGET | {"namespace", "pod", "container"}

SCRAPES: Mapping[str, Scrape] = {
    "ServiceMonitor": Scrape(_POD | {"service"}),
    "PodMonitor": Scrape(_POD),
    "PodMonitor with the node's name": Scrape(_POD | {"node"}),
    # Its own namespace, pod and container would say nothing about what a series is about.
    "ServiceMonitor with honorLabels, about objects elsewhere": Scrape(
        _TARGET | {"service"}, honors_labels=True
    ),
}
"""By what a list calls `scraped_by`. The labels are those that prometheus-operator gives to every
series (pkg/prometheus/promcfg.go); the node's name is none of them, a monitor has to ask for it."""
