"""The scheduler of vLLM 0.33 step by step and block by block, for comparison.

Written after `vllm/v1/core/sched/scheduler.py`, in its order and with its names,
and not after `planner/engine.py`: one loop a step, one addition a token.
"""

import math
from collections import deque
from dataclasses import dataclass, field

from planner.limits import EngineLimits
from planner.simulation import Arrivals
from planner.step_time import StepTime


@dataclass(eq=False)
class Request:
    arrival_s: float
    num_prompt_tokens: int
    max_tokens: int
    token_times: list[float] = field(default_factory=list)
    num_computed_tokens: int = 0
    num_blocks: int = 0
    started_s: float = math.nan
    num_preemptions: int = 0
    decodes: bool = False
    rejected: bool = False

    @property
    def num_tokens(self) -> int:
        return self.num_prompt_tokens + len(self.token_times)


@dataclass
class Step:
    start_s: float
    lasts_s: float
    decoding: int
    prefill_tokens: int
    kv_tokens: int
    used_blocks: int
    running: int


class ReferenceEngine:
    """One engine without data parallelism."""

    def __init__(self, limits: EngineLimits, step_time: StepTime) -> None:
        self.limits = limits
        self.step_time = step_time
        self.clock_s = 0.0
        self.waiting: deque[Request] = deque()
        self.running: list[Request] = []
        self.free_blocks = limits.kv_blocks
        self.steps: list[Step] = []

    def allocate_slots(self, request: Request, num_new_tokens: int, *, starts: bool) -> bool:
        size = self.limits.block_size
        if starts and -(-request.num_tokens // size) > self.free_blocks:
            return False
        needed = -(-(request.num_computed_tokens + num_new_tokens) // size) - request.num_blocks
        if needed > self.free_blocks:
            return False
        self.free_blocks -= needed
        request.num_blocks += needed
        return True

    def free(self, request: Request) -> None:
        self.free_blocks += request.num_blocks
        request.num_blocks = 0

    def schedule(self) -> dict[Request, int]:
        token_budget = self.limits.max_num_batched_tokens
        scheduled: dict[Request, int] = {}
        preempted = False
        index = 0
        while index < len(self.running) and token_budget > 0:
            request = self.running[index]
            num_new_tokens = min(request.num_tokens - request.num_computed_tokens, token_budget)
            while not (allocated := self.allocate_slots(request, num_new_tokens, starts=False)):
                victim = self.running.pop()
                self.free(victim)
                victim.num_computed_tokens = 0
                victim.decodes = False
                victim.num_preemptions += 1
                self.waiting.appendleft(victim)
                preempted = True
                if victim is request:
                    break
            if not allocated:
                break
            scheduled[request] = num_new_tokens
            token_budget -= num_new_tokens
            index += 1
        while self.waiting and token_budget > 0 and not preempted:
            if len(self.running) == self.limits.max_num_seqs:
                break
            request = self.waiting[0]
            num_new_tokens = min(request.num_tokens, token_budget)
            if not self.allocate_slots(request, num_new_tokens, starts=True):
                break
            self.waiting.popleft()
            self.running.append(request)
            if math.isnan(request.started_s):
                request.started_s = self.clock_s
            scheduled[request] = num_new_tokens
            token_budget -= num_new_tokens
        return scheduled

    def step(self) -> None:
        scheduled = self.schedule()
        decoding = [request for request in scheduled if request.decodes]
        prefill_tokens = sum(scheduled.values()) - len(decoding)
        kv_tokens = sum(request.num_computed_tokens for request in decoding)
        lasts_s = self.step_time.seconds(
            sequences=len(decoding), prefill_tokens=prefill_tokens, kv_tokens=kv_tokens
        )
        used_blocks = self.limits.kv_blocks - self.free_blocks
        self.steps.append(
            Step(
                self.clock_s,
                lasts_s,
                len(decoding),
                prefill_tokens,
                kv_tokens,
                used_blocks,
                len(self.running),
            )
        )
        self.clock_s += lasts_s
        for request, num_new_tokens in scheduled.items():
            request.num_computed_tokens += num_new_tokens
            if request.num_computed_tokens == request.num_tokens:
                request.token_times.append(self.clock_s)
                request.decodes = True
                if len(request.token_times) == request.max_tokens:
                    self.free(request)
                    self.running.remove(request)


def run_reference(
    arrivals: Arrivals, limits: EngineLimits, step_time: StepTime
) -> tuple[list[Request], list[Step]]:
    engine = ReferenceEngine(limits, step_time)
    requests = [
        Request(arrival_s, prompt, output)
        for arrival_s, prompt, output in zip(
            arrivals.seconds.tolist(),
            arrivals.prompt_tokens.tolist(),
            arrivals.output_tokens.tolist(),
            strict=True,
        )
    ]
    unfinished: list[Request] = []
    for request in requests:
        now_s = request.arrival_s
        while engine.clock_s < now_s and (engine.running or engine.waiting):
            engine.step()
        engine.clock_s = max(engine.clock_s, now_s)
        # As a client at `now_s` sees it, though the last step may end later.
        unfinished = [
            other
            for other in unfinished
            if len(other.token_times) < other.max_tokens or other.token_times[-1] > now_s
        ]
        backlog = sum(
            other.num_prompt_tokens
            for other in unfinished
            if not other.token_times or other.token_times[0] > now_s
        )
        most_requests, most_tokens = limits.max_queued_requests, limits.max_queued_tokens
        request.rejected = (most_requests is not None and len(unfinished) + 1 > most_requests) or (
            most_tokens is not None and backlog >= most_tokens
        )
        if not request.rejected:
            unfinished.append(request)
            engine.waiting.append(request)
    while engine.running or engine.waiting:
        engine.step()
    return requests, engine.steps
