"""What is known of the series that a name or an expression stands for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from catalog.metrics.metric import Metric

Kind = Literal["gauge", "counter", "buckets", "rates of buckets", "sum of counters", "unknown"]
"""`buckets` are the counters of a histogram by `le`. Of a sum of counters no rate can be taken:
where one of them starts again at zero, the sum does not. `unknown` is what has been said to be
wrong already."""


@dataclass(frozen=True, slots=True)
class Series:
    """`labels` are all that a series can have; `unit` is empty where nothing is known of it.

    `edges` are those of the histogram that it comes from; `condition` is that of the metric.
    """

    labels: frozenset[str]
    kind: Kind = "gauge"
    unit: str = ""
    edges: tuple[float, ...] = ()
    condition: str = ""


def named(metrics: Iterable[Metric]) -> dict[str, Series]:
    """Series by the names that Prometheus has: of a histogram its three."""
    found: dict[str, Series] = {}
    for metric in metrics:
        labels, condition = metric.labels, metric.condition
        if metric.type == "histogram":
            found[f"{metric.name}_bucket"] = Series(
                labels | {"le"}, "buckets", metric.unit, metric.edges, condition
            )
            found[f"{metric.name}_count"] = Series(labels, "counter", condition=condition)
            found[f"{metric.name}_sum"] = Series(labels, "counter", metric.unit, (), condition)
        else:
            found[metric.name] = Series(labels, metric.type, metric.unit, (), condition)
    return found


def exposed_edges(series: Series) -> list[str]:
    """Values of `le` as vLLM exposes them and Prometheus 3 stores them: `5.0`, never `5`."""
    return [*(str(edge) for edge in series.edges), "+Inf"]


def hint(name: str, known: Mapping[str, Series]) -> str:
    """For a name that nobody exports: the one that is near, if only a suffix is wrong."""
    parts = [f"{name}{suffix}" for suffix in ("_bucket", "_count", "_sum")]
    if parts[0] in known:
        return f": it is a histogram, of which there are {', '.join(parts)}"
    near = f"{name}_total"
    if near in known:
        return f": it is a counter, exposed as {near}"
    return ""
