"""Queues with known answers, and the same queues put to the simulation.

An engine becomes a queue of the textbook when its parts are switched off: with a
constant step, a request of n tokens has a service time of n steps and
`max_num_seqs` is the number of servers; with one sequence at a time it is a
single server; with a step that only costs per sequence, all in the batch share
one processor.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from planner.lengths import IntArray, Lengths, TokenCounts
from planner.limits import EngineLimits
from planner.simulation import simulate
from planner.step_time import StepTime
from planner.workload import Workload

STEP_S = 0.001
SERVICE_STEPS = 1000
"""A service takes a thousand steps, so that a step is short beside it."""

SERVICE_S = STEP_S * SERVICE_STEPS

START_S = 1.5 * STEP_S
"""Half a step until the next one begins, on average, and one for the first token."""

WIDE = Lengths(mean=SERVICE_STEPS, p99=4 * SERVICE_STEPS, longest=100 * SERVICE_STEPS)
CONSTANT = Lengths(mean=SERVICE_STEPS, p99=SERVICE_STEPS, longest=SERVICE_STEPS)
ONE_TOKEN = Lengths(mean=1, p99=1, longest=1)

MANY = 10_000_000
"""Of what must not be short: no limit."""


@dataclass(frozen=True)
class Geometric:
    """The memoryless distribution of whole numbers; with many steps, the exponential one."""

    mean: float
    longest: int

    def sample(self, n: int, generator: np.random.Generator) -> IntArray:
        return np.minimum(generator.geometric(1 / self.mean, n), self.longest)


EXPONENTIAL = Geometric(SERVICE_STEPS, 100 * SERVICE_STEPS)


def erlang_b(servers: int, load: float) -> float:
    """Share of requests that find all servers busy where nobody waits; load in Erlang."""
    blocked = 1.0
    for server in range(1, servers + 1):
        blocked = load * blocked / (server + load * blocked)
    return blocked


def erlang_c(servers: int, load: float) -> float:
    """Share of requests that wait in M/M/c."""
    blocked = erlang_b(servers, load)
    return blocked / (1 - load / servers * (1 - blocked))


def mmc_mean_wait_s(servers: int, use: float) -> float:
    return erlang_c(servers, use * servers) * SERVICE_S / (servers * (1 - use))


def mmc_p99_wait_s(servers: int, use: float) -> float:
    waits = erlang_c(servers, use * servers)
    return SERVICE_S / (servers * (1 - use)) * math.log(waits / 0.01)


def pollaczek_khinchine_s(use: float, lengths: Lengths) -> float:
    """Mean wait in M/G/1 with log-normal service."""
    return use * SERVICE_S * math.exp(lengths.sigma**2) / (2 * (1 - use))


@dataclass(frozen=True)
class Comparison:
    """One figure: `exact` by formula, `simulated` by a number of requests."""

    queue: str
    figure: str
    exact: float
    simulated: Callable[[int, int], float]
    """Of (requests, seed)."""

    def error(self, requests: int, seed: int) -> float:
        return self.simulated(requests, seed) / self.exact - 1


def _run(
    figure: str,
    output: TokenCounts,
    use: float,
    servers: int,
    *,
    step_time: StepTime | None = None,
    seats: int | None = None,
    most: int | None = None,
) -> Callable[[int, int], float]:
    def run(requests: int, seed: int) -> float:
        limits = EngineLimits(
            kv_tokens=MANY,
            max_num_seqs=seats or servers,
            max_num_batched_tokens=MANY,
            max_queued_requests=most,
        )
        workload = Workload(
            requests_per_s=use * servers / SERVICE_S, prompt=ONE_TOKEN, output=output
        )
        found = simulate(
            workload,
            limits,
            step_time or StepTime(STEP_S, 0.0, 0.0),
            replicas=1,
            requests=requests,
            seed=seed,
        )
        figures = {
            "mean wait": found.ttft_s.mean - START_S,
            "p99 wait": found.ttft_s.p99 - START_S,
            "mean time": found.e2e_s.mean,
            "rejected": found.rejected_share,
            "mean batch": found.batch_mean,
        }
        return figures[figure]

    return run


def comparisons() -> list[Comparison]:
    found = []
    for servers, use in ((1, 0.7), (4, 0.8), (8, 0.8)):
        queue = f"M/M/{servers}, use {use}"
        for figure, exact in (("mean wait", mmc_mean_wait_s), ("p99 wait", mmc_p99_wait_s)):
            simulated = _run(figure, EXPONENTIAL, use, servers)
            found.append(Comparison(queue, figure, exact(servers, use), simulated))
    for name, lengths in (("M/G/1, log-normal", WIDE), ("M/D/1", CONSTANT)):
        simulated = _run("mean wait", lengths, 0.7, 1)
        exact_s = pollaczek_khinchine_s(0.7, lengths)
        found.append(Comparison(f"{name}, use 0.7", "mean wait", exact_s, simulated))
    for servers, use in ((8, 0.8), (32, 1.2)):
        simulated = _run("rejected", WIDE, use, servers, most=servers)
        exact_share = erlang_b(servers, use * servers)
        queue = f"M/G/{servers}/{servers}, use {use}"
        found.append(Comparison(queue, "rejected", exact_share, simulated))
    # A token is a turn of the processor: all in the batch share it.
    sharing = StepTime(STEP_S / 1e6, STEP_S, STEP_S)
    simulated = _run("mean time", WIDE, 0.7, 1, step_time=sharing, seats=1000)
    found.append(Comparison("M/G/1-PS, use 0.7", "mean time", SERVICE_S / (1 - 0.7), simulated))
    # Nobody waits, so the batch is the load.
    simulated = _run("mean batch", WIDE, 20, 1, seats=1000)
    found.append(Comparison("M/G/infinity, load 20", "mean batch", 20, simulated))
    return found
