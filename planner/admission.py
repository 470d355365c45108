"""Limits on the queue: who would wait too long is told at once (HTTP 503), and nobody else waits.

The formulas are those of vLLM's own documentation (0.33, `vllm/config/scheduler.py`):
max_num_queued_tokens = target TTFT x prefill throughput, and max_num_queued_reqs =
data_parallel_size x max_num_seqs + the queue that is wanted. Both are of one engine, over all its
data parallel ranks.
"""

import math
from dataclasses import dataclass

from planner.deployment import Deployment
from planner.step_time import StepTime


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """full_batch: sequences that one rank decodes at the most.

    prefill_tokens_per_s: of all ranks, beside a full batch: the least that prompts get, so that
        the limit errs on the side of an early 503.
    queue_depth: requests that can wait and still be in time.
    """

    max_queued_requests: int
    max_queued_tokens: int
    prefill_tokens_per_s: float
    full_batch: int
    queue_depth: int


def full_batch(
    *, kv_tokens_per_rank: int, max_num_seqs: int, prompt_mean: float, output_mean: float
) -> int:
    """Sequences of mean length that one rank can decode at once, halfway through their output."""
    held = kv_tokens_per_rank / (prompt_mean + output_mean / 2)
    return max(1, min(max_num_seqs, math.floor(held)))


def admission_limits(
    deployment: Deployment,
    step_time: StepTime,
    *,
    target_ttft_s: float,
    prompt_mean: float,
    output_mean: float,
) -> AdmissionLimits:
    """Limits that keep the wait for a first token within `target_ttft_s`."""
    batch = full_batch(
        kv_tokens_per_rank=deployment.fit().kv_tokens_per_rank,
        max_num_seqs=deployment.max_num_seqs,
        prompt_mean=prompt_mean,
        output_mean=output_mean,
    )
    ranks = deployment.layout.data_parallel_size
    prefill_tokens = deployment.max_num_batched_tokens - batch
    step_s = step_time.seconds(
        sequences=batch,
        prefill_tokens=prefill_tokens,
        kv_tokens=round(batch * (prompt_mean + output_mean / 2)),
    )
    tokens_per_s = ranks * prefill_tokens / step_s
    tokens = max(1, math.floor(target_ttft_s * tokens_per_s))
    depth = math.ceil(tokens / prompt_mean)
    return AdmissionLimits(
        max_queued_requests=ranks * deployment.max_num_seqs + depth,
        max_queued_tokens=tokens,
        prefill_tokens_per_s=tokens_per_s,
        full_batch=batch,
        queue_depth=depth,
    )


def reasons(limits: AdmissionLimits, deployment: Deployment, target_ttft_s: float) -> list[str]:
    """One sentence a limit."""
    ranks, seqs = deployment.layout.data_parallel_size, deployment.max_num_seqs
    return [
        f"max_queued_tokens {limits.max_queued_tokens:,} = target TTFT {target_ttft_s:g} s x"
        f" {limits.prefill_tokens_per_s:,.0f} prompt tokens/s beside a full batch of"
        f" {limits.full_batch}",
        f"max_queued_requests {limits.max_queued_requests:,} = max_num_seqs {seqs} x {ranks}"
        f" rank{'s' if ranks > 1 else ''} + {limits.queue_depth} that can wait that long",
    ]
