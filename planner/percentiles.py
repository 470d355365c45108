"""Percentiles of samples and of runs of evenly spaced values, with their uncertainty."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planner.lengths import FloatArray

BATCHES = 20
"""Batch means: enough for a stable deviation, few enough that batches hardly depend on
one another. The figures of a queue are correlated, so the samples' own deviation
would promise too much."""

STUDENT_T = 2.093
"""97.5th percentile of Student's t with BATCHES - 1 degrees of freedom."""

LEAST_BATCH = 100
"""Samples; a p99 of fewer is their maximum."""

BISECTIONS = 50


@dataclass(frozen=True, slots=True)
class Percentiles:
    """p99_half_width: half of the 95 % confidence interval of the p99; inf: too few samples."""

    mean: float
    p50: float
    p95: float
    p99: float
    p99_half_width: float

    @classmethod
    def of_samples(cls, samples: FloatArray) -> "Percentiles":
        """Of samples in order of time."""
        if not samples.size:
            return NO_SAMPLES
        p50, p95, p99 = np.percentile(samples, (50, 95, 99))
        half_width = math.inf
        if samples.size >= BATCHES * LEAST_BATCH:
            batches = np.array_split(samples, BATCHES)
            half_width = _half_width([float(np.percentile(batch, 99)) for batch in batches])
        return cls(float(samples.mean()), float(p50), float(p95), float(p99), half_width)

    @classmethod
    def of_runs(cls, runs: "Runs") -> "Percentiles":
        """Of runs in order of time."""
        if not runs.weight.size:
            return NO_SAMPLES
        p50, p95, p99 = (runs.percentile(q) for q in (50, 95, 99))
        half_width = math.inf
        if runs.weight.size >= BATCHES * LEAST_BATCH:
            half_width = _half_width([batch.percentile(99) for batch in runs.split(BATCHES)])
        return cls(runs.mean(), p50, p95, p99, half_width)


NO_SAMPLES = Percentiles(math.nan, math.nan, math.nan, math.nan, math.inf)


def _half_width(figures: Sequence[float]) -> float:
    """Half of the 95 % confidence interval of the mean of independent figures."""
    return STUDENT_T * float(np.std(figures, ddof=1)) / math.sqrt(len(figures))


@dataclass(frozen=True, slots=True)
class Runs:
    """Run i stands for first[i] + slope[i] x j, j below count[i], each with weight[i]."""

    first: FloatArray
    slope: FloatArray
    count: FloatArray
    weight: FloatArray

    def mean(self) -> float:
        middles = self.first + self.slope * (self.count - 1) / 2
        weights = self.count * self.weight
        return float((middles * weights).sum() / weights.sum())

    def split(self, parts: int) -> list["Runs"]:
        columns = (self.first, self.slope, self.count, self.weight)
        return [
            Runs(*part)
            for part in zip(*(np.array_split(column, parts) for column in columns), strict=True)
        ]

    def percentile(self, q: float) -> float:
        """The least value with q % of the weight at or below it, by bisection.

        Each round sets aside the runs that lie wholly on one side, so that all
        rounds together cost a few passes.
        """
        first, slope, count, weight = self.first, self.slope, self.count, self.weight
        last = first + slope * (count - 1)
        wanted = float((count * weight).sum()) * q / 100
        low, high = float(first.min()) - 1, float(last.max())
        below = 0.0
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            with np.errstate(divide="ignore", invalid="ignore"):
                steps = np.where(slope > 0, np.floor((middle - first) / slope) + 1, count)
            counted = np.where(first <= middle, np.minimum(steps, count), 0.0)
            if below + float((counted * weight).sum()) >= wanted:
                high = middle
            else:
                low = middle
            done = last <= low
            below += float((count * weight)[done].sum())
            kept = ~done & (first <= high)
            first, slope, count, weight, last = (
                column[kept] for column in (first, slope, count, weight, last)
            )
        return high
