"""Replicas of an engine under a workload, simulated.

    simulate(workload, limits, step_time, replicas=2, requests=100_000, seed=1)

A Kubernetes Service picks a replica by chance (iptables, or IPVS's random
pick by connection), so each replica gets a random share of the arrivals and is
simulated by itself. Inside a replica vLLM's front end gives a request to the
data-parallel rank with the fewest unfinished ones; the ranks are then taken as
independent, though those of a Mixture-of-Experts model step together.
A rejected request (HTTP 503) is lost: its client does not try again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planner.engine import Engine
from planner.lengths import FloatArray, IntArray
from planner.limits import EngineLimits
from planner.records import Requests
from planner.simulated import Replica, Simulated, summarise
from planner.step_time import StepTime
from planner.workload import Workload

__all__ = ["EngineLimits", "Simulated", "simulate"]

MAX_REQUESTS = 5_000_000
"""Of one run: all are kept until the figures are taken, a gigabyte or two of them."""

DEFAULT_WARM_UP_SHARE = 0.1
"""Of the simulated time, cut off at the start: the first requests meet empty servers."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Requests as they come, by rising time."""

    seconds: FloatArray
    prompt_tokens: IntArray
    output_tokens: IntArray


def simulate(
    workload: Workload,
    limits: EngineLimits,
    step_time: StepTime,
    *,
    replicas: int,
    requests: int,
    seed: int,
    warm_up_share: float = DEFAULT_WARM_UP_SHARE,
) -> Simulated:
    """Run `requests` requests through `replicas` engines; equal arguments, equal result."""
    if replicas < 1 or requests < 1:
        raise ValueError(
            f"replicas {replicas} with requests {requests} is not allowed; "
            "allowed: 1 or more of each"
        )
    check_fits(limits, workload.prompt.longest, workload.output.longest)
    # One stream a purpose: with other replicas the requests stay the same.
    times, prompts, outputs, routes = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(4)
    )
    arrivals = Arrivals(
        workload.arrivals(requests, times),
        workload.prompt.sample(requests, prompts),
        workload.output.sample(requests, outputs),
    )
    route = routes.integers(replicas, size=requests)
    return summarise(
        [
            run_replica(
                Arrivals(
                    arrivals.seconds[route == replica],
                    arrivals.prompt_tokens[route == replica],
                    arrivals.output_tokens[route == replica],
                ),
                limits,
                step_time,
            )
            for replica in range(replicas)
        ],
        limits,
        step_time,
        from_s=float(arrivals.seconds[-1]) * warm_up_share,
        to_s=float(arrivals.seconds[-1]),
    )


def run_replica(arrivals: Arrivals, limits: EngineLimits, step_time: StepTime) -> Replica:
    """One replica from its first arrival until its last request is finished."""
    outputs = arrivals.output_tokens
    if limits.max_model_len is not None:
        outputs = np.clip(outputs, 1, np.maximum(1, limits.max_model_len - arrivals.prompt_tokens))
    requests = Requests(
        arrivals.seconds.tolist(), arrivals.prompt_tokens.tolist(), outputs.tolist()
    )
    engines = [Engine(requests, limits, step_time) for _ in range(limits.data_parallel_size)]
    turn = 0
    for request, now_s in enumerate(requests.arrival_s):
        for engine in engines:
            engine.advance(now_s)
        if not admits(limits, engines, now_s):
            continue
        if len(engines) > 1:
            turn += 1
            # Equal loads in turn, as vLLM's front end does.
            by_turn = engines[turn % len(engines) :] + engines[: turn % len(engines)]
            min(by_turn, key=lambda engine: engine.unfinished(now_s)).push(request)
        else:
            engines[0].push(request)
    for engine in engines:
        engine.advance(float("inf"))
    return Replica.of(requests, engines)


def admits(limits: EngineLimits, engines: Sequence[Engine], now_s: float) -> bool:
    """vLLM's `AsyncLLM.check_admission`; its comparisons differ between the two limits."""
    most = limits.max_queued_requests
    if most is not None and sum(engine.unfinished(now_s) for engine in engines) >= most:
        return False
    most = limits.max_queued_tokens
    return most is None or sum(engine.prefill_backlog(now_s) for engine in engines) < most


def check_fits(limits: EngineLimits, longest_prompt: int, longest_output: int) -> None:
    """vLLM does not start unless its KV cache holds one request of `max_model_len`."""
    longest = longest_prompt + longest_output
    if limits.max_model_len is not None:
        longest = min(longest, max(limits.max_model_len, longest_prompt + 1))
    # The last token of an output is never an input.
    blocks = -(-(longest - 1) // limits.block_size)
    if blocks > limits.kv_blocks:
        raise ValueError(
            f"kv_tokens {limits.kv_tokens} is not allowed; allowed: "
            f"{blocks * limits.block_size} or more, the longest prompt ({longest_prompt}) with "
            f"the longest output ({longest_output}), or a smaller max_model_len"
        )
