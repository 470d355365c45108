"""From traffic and a target to engines, nodes and cost. Nothing here prints or reads a file.

plan(request) -> Plan
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from catalog.cost import Purchase
from catalog.memory_fit import MemoryFit
from planner.admission import AdmissionLimits, admission_limits
from planner.capacity import (
    Capacity,
    Run,
    busy_requests_per_s,
    largest_rate,
    requests_of_a_run,
    run_of,
)
from planner.deployment import Deployment
from planner.lengths import Lengths
from planner.measurement import Throughput
from planner.price import Price, price_of
from planner.simulated import Saturation
from planner.simulation import EngineLimits, Simulated
from planner.target import Miss, Target
from planner.workload import DEFAULT_BURST_S, Workload

MOST_REPLICAS = 64
"""The most that `model_server.replicas` may be."""

LEAST_BURSTS = 5
"""With fewer of them in a simulation, chance decides whether a target that holds means anything."""

RUNS_EXPECTED = 10
"""Simulations of a search, about."""

Progress = Callable[[str, int, int], None]
"""Told (what, done, of how many)."""


def no_progress(what: str, done: int, total: int) -> None:
    """Nothing."""


class Verdict(StrEnum):
    MEETS = "meets"
    MISSES = "misses"
    CANNOT_TELL = "cannot_tell"
    DOES_NOT_FIT = "does_not_fit"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """The traffic is that of all clients, as `planner.workload.Workload` has it.

    measured_batch: the most sequences that a rank decoded when it was measured.
    replicas: judge this number of engines instead of searching one.
    requests: simulated in each run; None: as many as show enough bursts.
    """

    deployment: Deployment
    requests_per_s: float
    burst_factor: float = 1.0
    burst_s: float = DEFAULT_BURST_S
    prompt: Lengths
    output: Lengths
    target: Target
    throughput: Throughput
    measured_batch: float | None = None
    region: str | None = None
    purchase: Purchase = "on_demand"
    replicas: int | None = None
    requests: int | None = None
    seed: int = 1

    @property
    def workload(self) -> Workload:
        return Workload(
            requests_per_s=self.requests_per_s,
            burst_factor=self.burst_factor,
            burst_s=self.burst_s,
            prompt=self.prompt,
            output=self.output,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What came of a request.

    All but `request` and `fit` is None where the model does not fit, and nothing is simulated.
    replicas: engines; None where no number that a stack may have meets the target.
    simulated: one of them at its share of the traffic; without replicas, one that is
        hardly used.
    """

    request: PlanRequest
    fit: MemoryFit
    admission: AdmissionLimits | None = None
    limits: EngineLimits | None = None
    requests_of_a_run: int = 0
    capacity: Capacity | None = None
    replicas: int | None = None
    simulated: Simulated | None = None
    price: Price | None = None
    why_not: tuple[str, ...] = ()

    @property
    def assumed(self) -> bool:
        return self.request.throughput.assumed

    @property
    def misses(self) -> list[Miss]:
        return [] if self.simulated is None else self.request.target.misses(self.simulated)

    @property
    def verdict(self) -> Verdict:
        if not self.fit.fits:
            return Verdict.DOES_NOT_FIT
        if self.replicas is None or self.misses:
            return Verdict.MISSES
        return Verdict.CANNOT_TELL if self.bursts < LEAST_BURSTS else Verdict.MEETS

    @property
    def bursts(self) -> float:
        """As many as are expected in the simulated time; infinite where the traffic has none."""
        workload = self.request.workload
        if workload.burst_factor == 1 or self.simulated is None:
            return math.inf
        return self.simulated.window_s * workload.burst_time_share / workload.burst_s

    @property
    def requests_for_bursts(self) -> int:
        """How many requests a run needs to show LEAST_BURSTS of them."""
        return math.ceil(self.requests_of_a_run * LEAST_BURSTS / self.bursts)

    @property
    def nodes(self) -> int | None:
        return None if self.replicas is None else self.request.deployment.nodes(self.replicas)

    @property
    def largest_requests_per_s(self) -> float | None:
        """Mean rate that `replicas` engines carry within the target."""
        if self.replicas is None or self.capacity is None:
            return None
        return self.capacity.requests_per_s * self.replicas

    @property
    def headroom(self) -> float | None:
        """That rate as a factor of the traffic."""
        largest = self.largest_requests_per_s
        return None if largest is None else largest / self.request.requests_per_s

    @property
    def output_tokens_per_s(self) -> float | None:
        """Of all engines."""
        if self.replicas is None or self.simulated is None:
            return None
        return self.simulated.output_tokens_per_s * self.replicas

    @property
    def usd_per_million_output_tokens(self) -> float | None:
        if self.price is None or self.output_tokens_per_s is None:
            return None
        return self.price.usd_per_million_tokens(self.output_tokens_per_s)

    @property
    def saturates_first(self) -> Saturation | None:
        """What is short at the lowest load that misses; None where every load misses, or none.

        One request in a hundred that waits is a missed p99, and may be less than a hundredth of
        the time, from which on `Simulated` calls a limit felt.
        """
        if self.capacity is None or self.capacity.requests_per_s == 0:
            return None
        beyond = self.capacity.beyond
        if beyond is None:
            return None
        if {miss.what for miss in self.request.target.misses(beyond)} == {"p99 ITL"}:
            return Saturation.COMPUTE
        first = max(beyond.waiting_share, key=beyond.waiting_share.__getitem__)
        return first if beyond.waiting_share[first] > 0 else beyond.saturated_by

    def run(self) -> Run:
        """Simulates one engine of this plan at any rate, with the plan's random numbers."""
        if self.limits is None:
            raise ValueError("the model does not fit: nothing can be simulated")
        request = self.request
        return run_of(
            request.workload,
            self.limits,
            request.throughput.step_time,
            requests=self.requests_of_a_run,
            seed=request.seed,
        )


def plan(request: PlanRequest, progress: Progress = no_progress) -> Plan:
    """The least engines that meet the target, or why no number does."""
    deployment, workload, target = request.deployment, request.workload, request.target
    step_time = request.throughput.step_time
    fit = deployment.fit()
    if not fit.fits:
        return Plan(request=request, fit=fit)
    admission = admission_limits(
        deployment,
        step_time,
        target_ttft_s=target.ttft_p99_s,
        prompt_mean=request.prompt.mean,
        output_mean=request.output.mean,
    )
    limits = EngineLimits(
        kv_tokens=fit.kv_tokens_per_rank,
        max_num_seqs=deployment.max_num_seqs,
        max_num_batched_tokens=deployment.max_num_batched_tokens,
        max_queued_requests=admission.max_queued_requests,
        max_queued_tokens=admission.max_queued_tokens,
        data_parallel_size=deployment.layout.data_parallel_size,
        max_model_len=deployment.max_model_len,
    )
    busy_per_s = busy_requests_per_s(
        deployment,
        step_time,
        batch=admission.full_batch,
        prompt_mean=request.prompt.mean,
        output_mean=request.output.mean,
    )
    requests = request.requests or requests_of_a_run(workload, busy_per_s / 2)
    run = run_of(workload, limits, step_time, requests=requests, seed=request.seed)
    counted = _Counter(progress)
    capacity = largest_rate(run, target, busy_per_s=busy_per_s, tried=counted.tried)
    replicas, simulated = _enough(request, capacity, run, counted)
    return Plan(
        request=request,
        fit=fit,
        admission=admission,
        limits=limits,
        requests_of_a_run=requests,
        capacity=capacity,
        replicas=replicas,
        simulated=simulated,
        price=_price(request, replicas),
        why_not=tuple(_why_not(request, capacity, replicas)),
    )


def _enough(
    request: PlanRequest, capacity: Capacity, run: Run, counted: "_Counter"
) -> tuple[int | None, Simulated]:
    """Engines, and one of them at its share of the traffic."""
    wanted = request.requests_per_s
    if request.replicas is not None:
        return request.replicas, counted.run(run, wanted / request.replicas)
    if capacity.requests_per_s == 0:
        return None, capacity.at
    least = math.ceil(wanted / capacity.requests_per_s)
    for replicas in (least, least + 1):
        if replicas > MOST_REPLICAS:
            break
        simulated = counted.run(run, wanted / replicas)
        # Between two rates that were tried a simulation may still miss by chance.
        if not request.target.misses(simulated):
            return replicas, simulated
    return None, capacity.at


def _price(request: PlanRequest, replicas: int | None) -> Price | None:
    if replicas is None:
        return None
    return price_of(
        request.deployment.instance_type,
        request.deployment.nodes(replicas),
        region=request.region,
        purchase=request.purchase,
    )


def _why_not(request: PlanRequest, capacity: Capacity, replicas: int | None) -> list[str]:
    """What stands in the way where more engines would not help."""
    if capacity.requests_per_s == 0:
        alone = ", ".join(str(miss) for miss in request.target.misses(capacity.at))
        return [f"even an engine that is hardly used misses: {alone}", *_too_slow_alone(request)]
    needed = math.ceil(request.requests_per_s / capacity.requests_per_s)
    if replicas is None:
        return [f"about {needed} engines would do, and a stack has {MOST_REPLICAS} at the most"]
    if replicas < needed:
        return [f"{needed} engines would do"]
    return []


def _too_slow_alone(request: PlanRequest) -> list[str]:
    """What no number of engines changes: a prompt by itself, and a step of one sequence."""
    time, target = request.throughput.step_time, request.target
    tokens, budget = request.prompt.p99, request.deployment.max_num_batched_tokens
    found = []
    prompt_s = math.ceil(tokens / budget) * time.base_s + tokens * time.per_prefill_token_s
    if prompt_s > target.ttft_p99_s:
        found.append(f"a prompt of {tokens:g} tokens takes {prompt_s:.2f} s on an idle engine")
    decode_s = time.base_s + time.per_sequence_s
    if decode_s > target.itl_p99_s:
        found.append(f"a step of one sequence takes {decode_s * 1000:.1f} ms")
    return found


class _Counter:
    """Counts simulations for whoever watches."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._done = 0
        progress("simulations", 0, RUNS_EXPECTED)

    def tried(self) -> None:
        self._done += 1
        self._progress("simulations", self._done, max(RUNS_EXPECTED, self._done))

    def run(self, run: Run, requests_per_s: float) -> Simulated:
        found = run(requests_per_s)
        self.tried()
        return found
