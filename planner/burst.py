"""One engine before, in and after a burst: how full it gets, and how many wait."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from planner.lengths import FloatArray
from planner.limits import EngineLimits
from planner.records import StepLog
from planner.simulated import Replica
from planner.simulation import Arrivals, run_replica
from planner.step_time import StepTime
from planner.workload import Workload

QUIET_BURSTS = 2
"""Quiet time before and after a burst, in lengths of a burst."""

GRID = 240
"""Points of time in a trace."""


@dataclass(frozen=True, slots=True)
class BurstTrace:
    """Figures over time, seconds from the start of the burst; one row a run.

    kv_usage: share of the blocks of the KV cache in use.
    waiting: requests of one engine that have not started, or were preempted.
    """

    seconds: FloatArray
    burst_s: float
    kv_usage: FloatArray
    waiting: FloatArray


def burst_trace(
    workload: Workload, limits: EngineLimits, step_time: StepTime, *, runs: int, seed: int
) -> BurstTrace:
    """`workload` is that of one engine; each run has other requests."""
    quiet_s = QUIET_BURSTS * workload.burst_s
    seconds = np.linspace(0, 2 * quiet_s + workload.burst_s, GRID)
    replicas = [
        run_replica(_arrivals(workload, quiet_s, generator), limits, step_time)
        for generator in map(np.random.default_rng, np.random.SeedSequence(seed).spawn(runs))
    ]
    return BurstTrace(
        seconds=seconds - quiet_s,
        burst_s=workload.burst_s,
        kv_usage=np.array([_kv_usage(each, limits, step_time, seconds) for each in replicas]),
        waiting=np.array([_waiting(each, seconds) for each in replicas]),
    )


def _arrivals(workload: Workload, quiet_s: float, generator: np.random.Generator) -> Arrivals:
    """Poisson: quiet, one burst of the mean length, quiet again."""
    peak = workload.requests_per_s * workload.burst_factor
    rates = np.array([workload.quiet_requests_per_s, peak, workload.quiet_requests_per_s])
    lasts_s = np.array([quiet_s, workload.burst_s, quiet_s])
    counts = generator.poisson(rates * lasts_s)
    begins_s = np.concatenate([[0.0], np.cumsum(lasts_s)[:-1]])
    times = [
        begin + length * np.sort(generator.random(count))
        for begin, length, count in zip(begins_s, lasts_s, counts, strict=True)
    ]
    n = int(counts.sum())
    return Arrivals(
        np.concatenate(times),
        workload.prompt.sample(n, generator),
        workload.output.sample(n, generator),
    )


def _kv_usage(
    replica: Replica, limits: EngineLimits, step_time: StepTime, seconds: FloatArray
) -> FloatArray:
    """Mean over the ranks."""
    ranks = [
        _used_blocks(table, step_time, seconds) if len(table) else np.zeros(len(seconds))
        for table in replica.steps
    ]
    return np.asarray(np.mean(ranks, axis=0) / limits.kv_blocks, dtype=np.float64)


def _used_blocks(table: FloatArray, step_time: StepTime, seconds: FloatArray) -> FloatArray:
    """Blocks of one rank; a run of steps takes them evenly, and an idle rank has none."""
    row = dict(zip(StepLog.COLUMNS, table.T, strict=True))
    first_s = (
        step_time.base_s
        + step_time.per_sequence_s * row["decoding"]
        + step_time.per_prefill_token_s * row["prefill_tokens"]
        + step_time.per_kv_token_s * row["kv_tokens"]
    )
    growth_s = step_time.per_kv_token_s * row["decoding"]
    lasts_s = row["steps"] * first_s + growth_s * row["steps"] * (row["steps"] - 1) / 2
    at = np.maximum(np.searchsorted(row["start_s"], seconds, side="right") - 1, 0)
    gone = (seconds - row["start_s"][at]) / lasts_s[at]
    blocks = row["first_blocks"][at] + gone * (row["last_blocks"] - row["first_blocks"])[at]
    return np.where((gone >= 0) & (gone < 1), blocks, 0.0)


def _waiting(replica: Replica, seconds: FloatArray) -> FloatArray:
    waits = [*_admitted_waits(replica), *replica.queued_again.tolist()]
    if not waits:
        return np.zeros(len(seconds))
    begin_s, end_s = np.sort(np.array(waits), axis=0).T
    begun = np.searchsorted(begin_s, seconds, side="right")
    ended = np.searchsorted(end_s, seconds, side="right")
    return (begun - ended).astype(np.float64)


def _admitted_waits(replica: Replica) -> Iterator[tuple[float, float]]:
    admitted = ~np.isnan(replica.started_s)
    yield from zip(
        replica.arrival_s[admitted].tolist(), replica.started_s[admitted].tolist(), strict=True
    )
