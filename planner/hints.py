"""What a reader of a plan should know beside its figures."""

import math
from collections.abc import Iterator

from planner.plan import Plan

FEW_BURSTS = 10
ROUGH_FIT = 0.1
FAR_BEYOND = 1.2
"""The batch of a plan over the largest that was measured, from which on the fit is stretched."""


def hints(plan: Plan) -> list[str]:
    """Sentences; none where there is nothing to say."""
    return [*_throughput(plan), *_steps(plan), *_simulation(plan)]


def _throughput(plan: Plan) -> Iterator[str]:
    throughput, batch = plan.request.throughput, plan.request.measured_batch
    ranks = plan.request.deployment.layout.data_parallel_size
    if throughput.assumed:
        yield "the step time is ASSUMED: measure it before anything is bought on this plan"
    if throughput.error is not None and throughput.error > ROUGH_FIT:
        yield (
            f"the fitted step time misses the measured latencies by {throughput.error:.0%} (root"
            " mean square): measure more points near the planned load"
        )
    if not throughput.assumed and throughput.error is None:
        yield "as many figures were measured as were fitted: nothing checks the fit"
    if batch and plan.simulated and plan.simulated.batch_mean / ranks > batch * FAR_BEYOND:
        yield (
            f"a rank decodes {plan.simulated.batch_mean / ranks:.0f} sequences at once, and no more"
            f" than {batch:.0f} were measured: measure at a higher --max-concurrency"
        )


def _steps(plan: Plan) -> Iterator[str]:
    request = plan.request
    time, target = request.throughput.step_time, request.target
    budget = request.deployment.max_num_batched_tokens
    full_s = time.base_s + time.per_sequence_s + budget * time.per_prefill_token_s
    left_s = target.itl_p99_s - time.base_s - time.per_sequence_s
    if full_s > target.itl_p99_s and left_s > 0 and time.per_prefill_token_s > 0:
        most = math.floor(left_s / time.per_prefill_token_s)
        yield (
            f"a step that takes max_num_batched_tokens {budget} of prompts lasts"
            f" {full_s * 1000:.1f} ms, longer than the target p99 ITL: with {most} or less it"
            " would not, at the price of a longer TTFT"
        )


def _simulation(plan: Plan) -> Iterator[str]:
    found = plan.simulated
    if found is None:
        return
    if plan.request.target.near(found):
        yield "a p99 is nearer to its target than the simulation can tell (+- in the table)"
    if found.preemptions:
        yield (
            f"the KV cache runs full: {found.preemptions} preemptions of {found.requests} requests"
        )
    if plan.bursts < FEW_BURSTS:
        yield f"only about {plan.bursts:.0f} bursts were simulated: raise --requests"
