"""A series as Prometheus holds it: its type, labels, unit, and the edges of a histogram."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

MetricType = Literal["counter", "gauge", "histogram"]

Unit = Literal["ratio", "percent", "0 or 1", "seconds", "tokens", "requests", "bytes"] | str
"""`ratio` is 0 to 1, `percent` 0 to 100; what others are called is for the reader alone."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of one source.

    `labels` are those that Prometheus stores: the exporter's own and those of the scrape.
    `edges` are a histogram's finite `le`; none are known where they depend on a setting.
    `condition` says when it is exported at all, and is empty where that is always.
    """

    name: str
    type: MetricType
    labels: frozenset[str]
    source: str
    unit: Unit = ""
    edges: tuple[float, ...] = ()
    condition: str = ""


SCRAPE_LABELS: Mapping[str, frozenset[str]] = {
    "ServiceMonitor": frozenset(
        {"job", "instance", "namespace", "service", "pod", "container", "endpoint"}
    ),
    "PodMonitor": frozenset({"job", "instance", "namespace", "pod", "container", "endpoint"}),
}
"""What prometheus-operator gives to every series of a monitor (pkg/prometheus/promcfg.go). The
node's name is not among them: a monitor has to ask for it."""


def stored_labels(own: frozenset[str], scrape: frozenset[str], *, honored: bool) -> frozenset[str]:
    """Where both have a label of one name, the scrape's wins, and the exporter's becomes
    `exported_<name>`; with `honorLabels` the exporter's wins."""
    if honored:
        return own | scrape
    renamed = {f"exported_{label}" if label in scrape else label for label in own}
    return scrape | renamed
