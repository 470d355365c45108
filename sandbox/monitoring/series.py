"""Samples as exporters give them and as Prometheus keeps them."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Labels = Mapping[str, str]
Kind = Literal["counter", "gauge", "histogram"]

_HISTOGRAM_SUFFIXES = ("_bucket", "_count", "_sum")


@dataclass(frozen=True, slots=True)
class Sample:
    """One series at one time; of a histogram each bucket, the count and the sum are one."""

    name: str
    labels: Labels
    value: float
    kind: Kind = "gauge"

    @property
    def cumulative(self) -> bool:
        """Whether the value only grows."""
        return self.kind != "gauge"

    @property
    def family(self) -> str:
        """The name that a TYPE line gives."""
        if self.kind != "histogram":
            return self.name
        return next(
            self.name.removesuffix(suffix)
            for suffix in _HISTOGRAM_SUFFIXES
            if self.name.endswith(suffix)
        )


@dataclass(frozen=True, slots=True)
class Target:
    """One address that Prometheus scrapes, and the labels that it adds to what it finds there.

    `honor_labels` as in a scrape configuration: whether the exporter's own label wins.
    """

    labels: Labels
    honor_labels: bool = False

    @property
    def address(self) -> str:
        return f"{self.labels['job']}/{self.labels['instance']}"


@dataclass(frozen=True, slots=True)
class Scrape:
    """What one target answers, worked out when asked; nothing where it is not `up`."""

    target: Target
    answer: Callable[[], Sequence[Sample]]
    up: bool = True

    def stored(self) -> list[Sample]:
        """The samples with the labels under which Prometheus keeps them, and `up`."""
        up = Sample("up", self.target.labels, float(self.up))
        if not self.up:
            return [up]
        return [up, *(self._stored(sample) for sample in self.answer())]

    def _stored(self, sample: Sample) -> Sample:
        added = self.target.labels
        if self.target.honor_labels:
            labels = {**added, **sample.labels}
        else:
            own = {
                f"exported_{key}" if key in added else key: value
                for key, value in sample.labels.items()
            }
            labels = {**added, **own}
        return Sample(sample.name, labels, sample.value, sample.kind)


@dataclass(frozen=True, slots=True)
class Spread:
    """A log-normal distribution: half lies below `median`, 99 % below `p99`."""

    median: float
    p99: float

    def below(self, value: float) -> float:
        """The share that is at most `value`."""
        return 0.5 * (1 + math.erf(math.log(value / self.median) / (self._sigma * math.sqrt(2))))

    @property
    def mean(self) -> float:
        return self.median * math.exp(self._sigma**2 / 2)

    @property
    def _sigma(self) -> float:
        return math.log(self.p99 / self.median) / 2.326347874


def histogram(
    name: str, labels: Labels, edges: Iterable[float], count: float, spread: Spread
) -> list[Sample]:
    """A histogram that has seen `count` values; `le` is written as prometheus_client does."""
    buckets = [(str(float(edge)), count * spread.below(edge)) for edge in edges]
    return [
        *(
            Sample(f"{name}_bucket", {**labels, "le": edge}, value, "histogram")
            for edge, value in (*buckets, ("+Inf", count))
        ),
        Sample(f"{name}_count", labels, count, "histogram"),
        Sample(f"{name}_sum", labels, count * spread.mean, "histogram"),
    ]


def exposition(samples: Iterable[Sample]) -> str:
    """Prometheus' text format, version 0.0.4; samples of one family must follow each other."""
    lines: list[str] = []
    family = ""
    for sample in samples:
        if sample.family != family:
            family = sample.family
            lines.append(f"# TYPE {family} {sample.kind}")
        lines.append(f"{sample.name}{labels_text(sample.labels)} {sample.value!r}")
    return "\n".join(lines) + "\n"


def labels_text(labels: Labels) -> str:
    """As in an exposition, braces and all."""
    return "{" + ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
