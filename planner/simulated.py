"""What came of a simulation: figures of a window of time, over all replicas."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from planner.engine import Engine
from planner.lengths import FloatArray, IntArray
from planner.limits import EngineLimits
from planner.percentiles import Percentiles, Runs
from planner.records import Requests, StepLog, Waits
from planner.step_time import StepTime

SATURATED_TIME_SHARE = 0.01
"""A limit at which requests wait in less than a hundredth of the time is not felt at the p99."""

COMPUTE_BOUND_SHARE = 0.8
"""Share of a step that grows with the batch, from which on a larger batch would not
help: no batch, however large, then gives more than 1/0.8 of the throughput."""

OVERLOADED_GROWTH = 0.05
"""Share of the admitted requests that may be left over at the end of the window."""


class Saturation(StrEnum):
    """What requests wait for."""

    NONE = "none"
    KV_CACHE = "kv_cache"
    MAX_NUM_SEQS = "max_num_seqs"
    COMPUTE = "compute"
    ADMISSION_LIMIT = "admission_limit"
    """Nobody waits, because those who would are rejected."""


@dataclass(frozen=True, slots=True)
class Replica:
    """Raw figures of one replica; times in seconds, NaN for what never came."""

    arrival_s: FloatArray
    started_s: FloatArray
    first_token_s: FloatArray
    finished_s: FloatArray
    prompt_tokens: IntArray
    output_tokens: IntArray
    steps: list[FloatArray]
    """One table of `StepLog.COLUMNS` a data-parallel rank."""
    queued_again: FloatArray
    preemption_gaps: FloatArray

    @classmethod
    def of(cls, requests: Requests, engines: Sequence[Engine]) -> "Replica":
        return cls(
            np.array(requests.arrival_s),
            np.array(requests.started_s),
            np.array(requests.first_token_s),
            np.array(requests.finished_s),
            np.array(requests.prompt_tokens, dtype=np.int64),
            np.array(requests.output_tokens, dtype=np.int64),
            [engine.log.table() for engine in engines],
            _pairs([pair for engine in engines for pair in engine.queued_again]),
            _pairs([pair for engine in engines for pair in engine.preemption_gaps]),
        )


def _pairs(pairs: list[tuple[float, float]]) -> FloatArray:
    return np.array(pairs, dtype=np.float64).reshape(-1, 2)


@dataclass(frozen=True)
class Simulated:
    """Requests count where they arrive, steps where they are, in a window without the warm-up.

    ttft_s, e2e_s: seconds from a request's arrival to its first and last token.
    itl_s: seconds between two tokens of a request, one sample a token.
    kv_usage_*: share of the KV cache's blocks, over time and ranks.
    queue_mean, batch_mean: requests waiting, and sequences decoding, of one replica.
    busy_share: share of time in which a rank computes a step.
    waiting_share: share of time in which a request waits, by what it waits for.
    growth: share of the admitted requests that the window leaves behind.
    """

    window_s: float
    requests: int
    rejected_share: float
    ttft_s: Percentiles
    itl_s: Percentiles
    e2e_s: Percentiles
    requests_per_s: float
    prompt_tokens_per_s: float
    output_tokens_per_s: float
    preemptions: int
    kv_usage_mean: float
    kv_usage_p99: float
    queue_mean: float
    batch_mean: float
    busy_share: float
    waiting_share: dict[Saturation, float]
    growth: float
    ttft_samples_s: FloatArray = field(repr=False, compare=False)
    e2e_samples_s: FloatArray = field(repr=False, compare=False)

    @property
    def overloaded(self) -> bool:
        """More comes than is finished, or the window is too short to tell.

        The queue then grows as long as the load lasts, and percentiles only
        tell how long that was simulated.
        """
        return self.growth > OVERLOADED_GROWTH

    @property
    def saturated_by(self) -> Saturation:
        """What saturates first as the load rises; `NONE` at this load: nothing is felt."""
        first = max(self.waiting_share, key=self.waiting_share.__getitem__)
        if self.waiting_share[first] >= SATURATED_TIME_SHARE:
            return first
        return Saturation.ADMISSION_LIMIT if self.rejected_share > 0 else Saturation.NONE


def summarise(
    replicas: Sequence[Replica],
    limits: EngineLimits,
    step_time: StepTime,
    *,
    from_s: float,
    to_s: float,
) -> Simulated:
    """Figures of the window [from_s, to_s]."""
    window_s = to_s - from_s
    arrival_s = np.concatenate([replica.arrival_s for replica in replicas])
    order = np.argsort(arrival_s, kind="stable")
    arrival_s = arrival_s[order]

    def all_requests(name: str) -> FloatArray:
        values = np.concatenate([getattr(replica, name) for replica in replicas])
        return values[order].astype(np.float64)

    started_s, first_token_s, finished_s = map(
        all_requests, ("started_s", "first_token_s", "finished_s")
    )
    came = (arrival_s >= from_s) & (arrival_s <= to_s)
    admitted = came & ~np.isnan(finished_s)
    finished = (finished_s >= from_s) & (finished_s <= to_s)
    queued_again = np.concatenate([replica.queued_again for replica in replicas])
    waits_s = _overlap_s(arrival_s, started_s, from_s, to_s) + _overlap_s(
        queued_again[:, 0], queued_again[:, 1], from_s, to_s
    )
    gaps = np.concatenate([replica.preemption_gaps for replica in replicas])
    gaps = gaps[(gaps[:, 0] >= from_s) & (gaps[:, 0] <= to_s)]
    steps = _Steps.of(
        [table for replica in replicas for table in replica.steps], step_time, from_s, to_s
    )
    ranks_s = window_s * len(replicas) * limits.data_parallel_size
    kv_usage = steps.kv_usage(limits.kv_blocks, idle_s=max(0.0, ranks_s - steps.busy_s))
    first_tokens = int(((first_token_s >= from_s) & (first_token_s <= to_s)).sum())
    ttft_samples_s = (first_token_s - arrival_s)[admitted]
    e2e_samples_s = (finished_s - arrival_s)[admitted]
    return Simulated(
        window_s=window_s,
        requests=int(came.sum()),
        rejected_share=1 - _share(admitted.sum(), came.sum()) if came.any() else 0.0,
        ttft_s=Percentiles.of_samples(ttft_samples_s),
        itl_s=Percentiles.of_runs(steps.gaps(gaps)),
        e2e_s=Percentiles.of_samples(e2e_samples_s),
        requests_per_s=_share(finished.sum(), window_s),
        prompt_tokens_per_s=_share(all_requests("prompt_tokens")[finished].sum(), window_s),
        output_tokens_per_s=_share(steps.decode_tokens + first_tokens, window_s),
        preemptions=int(((queued_again[:, 0] >= from_s) & (queued_again[:, 0] <= to_s)).sum()),
        kv_usage_mean=kv_usage.mean() if ranks_s else 0.0,
        kv_usage_p99=kv_usage.percentile(99) if ranks_s else 0.0,
        queue_mean=_share(waits_s, window_s * len(replicas)),
        batch_mean=_share(steps.decoding_s, window_s * len(replicas)),
        busy_share=min(1.0, _share(steps.busy_s, ranks_s)),
        waiting_share=steps.waiting_share(step_time, ranks_s),
        growth=_share(admitted.sum() - finished.sum(), admitted.sum()),
        ttft_samples_s=ttft_samples_s,
        e2e_samples_s=e2e_samples_s,
    )


def _share(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole else 0.0


def _overlap_s(begin_s: FloatArray, end_s: FloatArray, from_s: float, to_s: float) -> float:
    """Seconds of all intervals inside the window; an interval without an end is none."""
    inside = np.minimum(end_s, to_s) - np.maximum(begin_s, from_s)
    return float(np.nansum(np.maximum(inside, 0.0)))


@dataclass(frozen=True)
class _Steps:
    """Runs of steps of all ranks; `inside` is the share of each run in the window."""

    first_s: FloatArray
    growth_s: FloatArray
    lasts_s: FloatArray
    inside: FloatArray
    columns: dict[str, FloatArray]

    @classmethod
    def of(
        cls, tables: Sequence[FloatArray], step_time: StepTime, from_s: float, to_s: float
    ) -> "_Steps":
        table = np.concatenate(tables)
        columns = dict(zip(StepLog.COLUMNS, table.T, strict=True))
        begin_s, steps, decoding = columns["start_s"], columns["steps"], columns["decoding"]
        first_s = (
            step_time.base_s
            + step_time.per_sequence_s * decoding
            + step_time.per_prefill_token_s * columns["prefill_tokens"]
            + step_time.per_kv_token_s * columns["kv_tokens"]
        )
        growth_s = step_time.per_kv_token_s * decoding
        lasts_s = steps * first_s + growth_s * steps * (steps - 1) / 2
        overlap_s = np.minimum(begin_s + lasts_s, to_s) - np.maximum(begin_s, from_s)
        kept = overlap_s > 0
        return cls(
            first_s[kept],
            growth_s[kept],
            lasts_s[kept],
            (overlap_s / lasts_s)[kept],
            {name: column[kept] for name, column in columns.items()},
        )

    @property
    def busy_s(self) -> float:
        return float((self.lasts_s * self.inside).sum())

    @property
    def decoding_s(self) -> float:
        """Seconds that sequences spent decoding, all together."""
        return float((self.lasts_s * self.inside * self.columns["decoding"]).sum())

    @property
    def decode_tokens(self) -> float:
        return float((self.columns["steps"] * self.columns["decoding"] * self.inside).sum())

    def gaps(self, after_preemption: FloatArray) -> Runs:
        """Seconds between tokens: each decoding sequence waits one step for its next token.

        `after_preemption` are the (time, length) of those that were preempted in between.
        """
        decodes = self.columns["decoding"] > 0
        nothing, one = np.zeros(len(after_preemption)), np.ones(len(after_preemption))
        when = np.concatenate([self.columns["start_s"][decodes], after_preemption[:, 0]])
        order = np.argsort(when, kind="stable")
        weight = (self.columns["decoding"] * self.inside)[decodes]
        return Runs(
            np.concatenate([self.first_s[decodes], after_preemption[:, 1]])[order],
            np.concatenate([self.growth_s[decodes], nothing])[order],
            np.concatenate([self.columns["steps"][decodes], one])[order],
            np.concatenate([weight, one])[order],
        )

    def kv_usage(self, blocks: int, *, idle_s: float) -> Runs:
        """Share of used blocks, weighted with time; a run of steps grows evenly."""
        steps, first = self.columns["steps"], self.columns["first_blocks"]
        slope = (self.columns["last_blocks"] - first) / np.maximum(steps - 1, 1)
        return Runs(
            np.append(first / blocks, 0.0),
            np.append(slope / blocks, 0.0),
            np.append(steps, 1.0),
            np.append(self.lasts_s * self.inside / steps, idle_s),
        )

    def waiting_share(self, step_time: StepTime, ranks_s: float) -> dict[Saturation, float]:
        waits = self.columns["waits"]
        # What a step costs beyond its fixed part, on the middle step of the run.
        middle_s = self.lasts_s / self.columns["steps"]
        compute = (1 - step_time.base_s / middle_s) >= COMPUTE_BOUND_SHARE
        compute = (waits == Waits.TOKEN_BUDGET) | (compute & (waits != Waits.NOBODY))
        chosen = {
            Saturation.KV_CACHE: (waits == Waits.KV_CACHE) & ~compute,
            Saturation.MAX_NUM_SEQS: (waits == Waits.MAX_NUM_SEQS) & ~compute,
            Saturation.COMPUTE: compute,
        }
        in_window_s = self.lasts_s * self.inside
        return {name: _share(in_window_s[where].sum(), ranks_s) for name, where in chosen.items()}
