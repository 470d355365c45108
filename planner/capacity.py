"""The largest traffic of one engine at which a target still holds.

Every engine gets a random share of the arrivals (`planner/simulation.py`). A random share of a
Poisson process with bursts is one with the same bursts and a lower rate, so one engine at
1/n of the traffic stands for each of n. One search over the rate then answers both questions: how
many engines a traffic needs, and how much more they would carry. All runs take the same
random numbers, so that they differ by the rate alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from planner.deployment import Deployment
from planner.simulation import EngineLimits, Simulated, simulate
from planner.step_time import StepTime
from planner.target import Target
from planner.workload import Workload

PRECISION = 1.03
"""Ratio between a rate that misses and one that meets where the search ends."""

LEAST_RATE_SHARE = 1 / 256
"""Of what the engine carries when it never rests: who misses there misses when alone."""

MOST_RATE_SHARE = 8
"""Who meets a target there may turn requests away, or has a target that asks for nothing."""

BURSTS_WANTED = 20
LEAST_REQUESTS = 50_000
MOST_REQUESTS = 300_000
"""In one run: about 20 000 requests take half a second."""

Run = Callable[[float], Simulated]
"""The simulation of one engine at a rate, requests a second."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """requests_per_s: mean of one engine; 0 where even a request alone misses.

    at: the simulation at that rate, or of requests that hardly meet another.
    beyond: the simulation at the lowest rate that misses; None where none was found.
    """

    requests_per_s: float
    at: Simulated
    beyond: Simulated | None


def run_of(
    workload: Workload, limits: EngineLimits, step_time: StepTime, *, requests: int, seed: int
) -> Run:
    """One engine under a part of `workload`."""

    def run(requests_per_s: float) -> Simulated:
        part = replace(workload, requests_per_s=requests_per_s)
        return simulate(part, limits, step_time, replicas=1, requests=requests, seed=seed)

    return run


def busy_requests_per_s(
    deployment: Deployment,
    step_time: StepTime,
    *,
    batch: int,
    prompt_mean: float,
    output_mean: float,
) -> float:
    """What one engine finishes when it never rests and its batch is always full.

    No traffic with targets comes near it; it tells a search where to begin.
    """
    kv_tokens = prompt_mean + output_mean / 2
    each_s = (
        step_time.base_s / batch + step_time.per_sequence_s + step_time.per_kv_token_s * kv_tokens
    ) * output_mean + step_time.per_prefill_token_s * prompt_mean
    return deployment.layout.data_parallel_size / each_s


def requests_of_a_run(workload: Workload, engine_requests_per_s: float) -> int:
    """Enough to see BURSTS_WANTED bursts at that rate, within what a person waits for."""
    if workload.burst_factor == 1:
        return LEAST_REQUESTS
    cycle_s = workload.burst_s / workload.burst_time_share
    wanted = round(BURSTS_WANTED * cycle_s * engine_requests_per_s)
    return min(MOST_REQUESTS, max(LEAST_REQUESTS, wanted))


def largest_rate(
    run: Run, target: Target, *, busy_per_s: float, tried: Callable[[], None] = lambda: None
) -> Capacity:
    """Search from `busy_per_s` for a rate that meets and one that misses, then between them."""
    meets: tuple[float, Simulated] | None = None
    misses: tuple[float, Simulated] | None = None
    rate = busy_per_s
    while meets is None or misses is None:
        found = run(rate)
        tried()
        if target.misses(found):
            misses = rate, found
            rate /= 2
        else:
            meets = rate, found
            rate *= 2
        if rate < busy_per_s * LEAST_RATE_SHARE:
            return Capacity(0.0, found, found)
        if rate > busy_per_s * MOST_RATE_SHARE:
            return Capacity(rate / 2, found, None)
    while misses[0] > meets[0] * PRECISION:
        rate = (misses[0] * meets[0]) ** 0.5
        found = run(rate)
        tried()
        if target.misses(found):
            misses = rate, found
        else:
            meets = rate, found
    return Capacity(*meets, beyond=misses[1])
