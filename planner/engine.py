"""One engine of vLLM V1 as a discrete-event simulation.

The rules are those of `vllm/v1/core/sched/scheduler.py` (0.33), as vLLM starts
by default:

- requests wait in one queue, first come first served;
- each step gives every decoding sequence one token, then the rest of the token
  budget to prompts, which may be split (chunked prefill);
- a request starts only if all its known tokens fit in the free blocks of the KV
  cache, though only its first chunk takes blocks;
- a sequence that finds no free block for its next token preempts the request
  that started last, which returns to the head of the queue, and computes its
  prompt and all it had written again; no request starts in such a step.

Not modelled: hits in the prefix cache (a preempted request often finds part of
its blocks again), speculative decoding, and asynchronous scheduling, which
starts a request up to one step later.

Between a start, an end and a preemption all steps are alike, so they are
crossed in one jump: the cost grows with requests, not with tokens. A process a
request (simpy) would pay for a generator's switch at every token.
"""

import heapq
import math
from collections import deque

from planner.limits import EngineLimits
from planner.records import Requests, StepLog, Waits
from planner.step_time import StepTime

NEVER = -1


class Engine:
    """One data-parallel rank: its queue, its batch and its KV cache."""

    def __init__(self, requests: Requests, limits: EngineLimits, step_time: StepTime) -> None:
        self.clock_s = 0.0
        """End of the last step that was simulated."""
        self.log = StepLog()
        self.queued_again: list[tuple[float, float]] = []
        """(from, to) of the waits after preemptions."""
        self.preemption_gaps: list[tuple[float, float]] = []
        """(when, how long) between two tokens of a request with a preemption in between."""

        self._requests = requests
        self._step_time = step_time
        self._max_num_seqs = limits.max_num_seqs
        self._max_num_batched_tokens = limits.max_num_batched_tokens
        self._block_size = limits.block_size
        self._blocks = limits.kv_blocks

        # Steps so far. A sequence's place in its life follows from this number,
        # so a step over the whole batch is one addition.
        self._step = 0
        self._used_blocks = 0
        self._waiting: deque[int] = deque()
        # Sequences that decode, in the order in which they started.
        self._decoding: dict[int, None] = {}
        # The one request whose prompt is half computed; it started last.
        self._partial: int | None = None
        self._partial_done = 0
        # (step, request) at which a sequence has its last token, and the valid entry of each.
        self._ends: list[tuple[int, int]] = []
        self._ends_at = [NEVER] * len(requests.arrival_s)
        # Cached tokens of a decoding sequence are this + the number of the step.
        self._offset = [0] * len(requests.arrival_s)
        self._offset_sum = 0
        # How many decoding sequences need a new block in steps of each remainder.
        self._block_starts = [0] * limits.block_size
        # Tokens to compute before the next token, and tokens still to come,
        # for those that wait: a preempted request computes its output as well.
        self._to_compute = list(requests.prompt_tokens)
        self._to_write = list(requests.output_tokens)
        # When a preempted request wrote its last token, and when it came back to the queue.
        self._preempted_at: dict[int, float] = {}
        self._queued_again_at: dict[int, float] = {}

        # Prompt tokens of requests without a first token, and what the last step took off.
        self._prefill_backlog = 0
        self._just_finished = 0
        self._just_prefilled = 0

    def push(self, request: int) -> None:
        """Queue a request that arrives no later than the clock; see `advance`."""
        self._waiting.append(request)
        self._prefill_backlog += self._requests.prompt_tokens[request]

    def unfinished(self, now_s: float) -> int:
        """Requests waiting or running as a client sees them at `now_s`.

        The clock may be ahead of `now_s`, but never by more than a step that
        ends something: what that step ended is still running.
        """
        unfinished = len(self._waiting) + len(self._decoding) + (self._partial is not None)
        return unfinished + self._just_finished if self.clock_s > now_s else unfinished

    def prefill_backlog(self, now_s: float) -> int:
        """Prompt tokens of requests without a first token at `now_s`."""
        backlog = self._prefill_backlog
        return backlog + self._just_prefilled if self.clock_s > now_s else backlog

    def advance(self, until_s: float) -> None:
        """Simulate all steps that start before `until_s`.

        The last may end later: who arrives in the middle of a step waits for its end.
        """
        while self.clock_s < until_s:
            if not (self._decoding or self._waiting or self._partial is not None):
                if until_s < math.inf:
                    self.clock_s = until_s
                return
            self._run_steps(until_s)

    def _run_steps(self, until_s: float) -> None:
        """One step with prompts in it, or a run of equal steps without."""
        time, block_size = self._step_time, self._block_size
        used = self._used_blocks + self._block_starts[self._step % block_size]
        if used > self._blocks:
            preempted = self._take_blocks_by_preemption()
        else:
            self._used_blocks = used
            preempted = False
        waits, prefill_tokens, completed = self._schedule_prompts(preempted)

        step = self._step
        decoding = len(self._decoding)
        kv_tokens = self._offset_sum + decoding * step
        first_s = (
            time.base_s
            + time.per_sequence_s * decoding
            + time.per_prefill_token_s * prefill_tokens
            + time.per_kv_token_s * kv_tokens
        )
        growth_s = time.per_kv_token_s * decoding
        first_blocks = self._used_blocks
        if prefill_tokens or preempted:
            steps, lasts_s = 1, first_s
        else:
            # Nobody can start before a sequence ends, or, if nobody waits, before one arrives.
            steps = self._next_end() - step
            if not self._waiting and until_s < math.inf:
                left_s = until_s - self.clock_s
                # Lowest n with n first + n(n-1)/2 growth >= left, in the form without cancellation.
                half = first_s - growth_s / 2
                to_arrival = 2 * left_s / (half + math.sqrt(half * half + 2 * growth_s * left_s))
                if to_arrival < steps:
                    steps = math.ceil(to_arrival)
            steps = self._grow(steps, decoding)
            lasts_s = steps * first_s + growth_s * (steps * (steps - 1) // 2)
        self.log.add(
            self.clock_s,
            steps,
            decoding,
            prefill_tokens,
            kv_tokens,
            first_blocks,
            self._used_blocks,
            waits,
        )
        self._step = step + steps
        self.clock_s += lasts_s
        self._just_finished = self._just_prefilled = 0
        self._finish_decoding()
        for request in completed:
            self._first_token(request)

    def _schedule_prompts(self, preempted: bool) -> tuple[Waits, int, list[int]]:
        """Give the rest of the token budget to prompts.

        Returns why the next one waits, the prompt tokens of this step, and the
        requests whose prompt ends in it.
        """
        budget = left = self._max_num_batched_tokens - len(self._decoding)
        completed: list[int] = []
        if self._partial is not None and left:
            request = self._partial
            done = self._partial_done
            chunk = min(self._to_compute[request] - done, left)
            blocks = self._blocks_of(done + chunk) - self._blocks_of(done)
            if self._used_blocks + blocks > self._blocks:
                self._preempt_last()
                return Waits.KV_CACHE, 0, completed
            self._used_blocks += blocks
            left -= chunk
            if done + chunk == self._to_compute[request]:
                self._partial = None
                completed.append(request)
            else:
                self._partial_done = done + chunk
        if preempted:
            return Waits.KV_CACHE, budget - left, completed
        waiting = self._waiting
        running = len(self._decoding) + len(completed)
        while waiting and left and self._partial is None:
            if running >= self._max_num_seqs:
                return Waits.MAX_NUM_SEQS, budget - left, completed
            request = waiting[0]
            tokens = self._to_compute[request]
            if self._blocks_of(tokens) > self._blocks - self._used_blocks:
                return Waits.KV_CACHE, budget - left, completed
            waiting.popleft()
            running += 1
            if request in self._queued_again_at:
                self.queued_again.append((self._queued_again_at.pop(request), self.clock_s))
            else:
                self._requests.started_s[request] = self.clock_s
            chunk = min(tokens, left)
            left -= chunk
            self._used_blocks += self._blocks_of(chunk)
            if chunk == tokens:
                completed.append(request)
            else:
                self._partial, self._partial_done = request, chunk
        waits = Waits.TOKEN_BUDGET if waiting else Waits.NOBODY
        return waits, budget - left, completed

    def _blocks_of(self, tokens: int) -> int:
        return -(-tokens // self._block_size)

    def _next_end(self) -> int:
        """The step after which the next decoding sequence is finished."""
        ends = self._ends
        while True:
            step, request = ends[0]
            if self._ends_at[request] == step:
                return step
            heapq.heappop(ends)  # it was preempted

    def _grow(self, steps: int, decoding: int) -> int:
        """Take the blocks of `steps` steps but the first, or of as many as fit.

        Returns that number of steps.
        """
        free = self._blocks - self._used_blocks
        if decoding * (steps // self._block_size + 1) <= free:
            self._used_blocks += self._new_blocks(steps)
            return steps
        # One block a sequence every `block_size` steps, and the rest one by one.
        fitting = min(steps, 1 + free // decoding * self._block_size)
        taken = self._new_blocks(fitting)
        while fitting < steps:
            more = self._block_starts[(self._step + fitting) % self._block_size]
            if taken + more > free:
                break
            taken += more
            fitting += 1
        self._used_blocks += taken
        return fitting

    def _new_blocks(self, steps: int) -> int:
        """Blocks that the batch takes in the `steps - 1` steps after the current one."""
        size, starts = self._block_size, self._block_starts
        rounds, rest = divmod(steps - 1, size)
        begin = (self._step + 1) % size
        blocks = sum(starts[begin : begin + rest])
        if begin + rest > size:
            blocks += sum(starts[: begin + rest - size])
        return rounds * len(self._decoding) + blocks

    def _finish_decoding(self) -> None:
        ends, step = self._ends, self._step
        while ends and ends[0][0] <= step:
            end, request = heapq.heappop(ends)
            if self._ends_at[request] == end:
                self._leave_batch(request)
                self._finish(request)

    def _first_token(self, request: int) -> None:
        """A prompt is computed: the step wrote the request's next token."""
        requests = self._requests
        preempted_s = self._preempted_at.pop(request, None)
        # A request that was preempted in the middle of its prompt has no token before this.
        if preempted_s is not None and not math.isnan(requests.first_token_s[request]):
            self.preemption_gaps.append((self.clock_s, self.clock_s - preempted_s))
        else:
            requests.first_token_s[request] = self.clock_s
            self._prefill_backlog -= requests.prompt_tokens[request]
            self._just_prefilled += requests.prompt_tokens[request]
        tokens = self._to_compute[request]
        to_write = self._to_write[request] - 1
        if to_write == 0:
            self._used_blocks -= self._blocks_of(tokens)
            self._finish(request)
            return
        offset = self._offset[request] = tokens - self._step
        self._offset_sum += offset
        self._decoding[request] = None
        self._block_starts[-offset % self._block_size] += 1
        self._ends_at[request] = self._step + to_write
        heapq.heappush(self._ends, (self._step + to_write, request))

    def _finish(self, request: int) -> None:
        self._requests.finished_s[request] = self.clock_s
        self._just_finished += 1

    def _leave_batch(self, request: int) -> None:
        offset = self._offset[request]
        del self._decoding[request]
        self._offset_sum -= offset
        self._block_starts[-offset % self._block_size] -= 1
        self._used_blocks -= self._blocks_of(offset + self._step)
        self._ends_at[request] = NEVER

    def _take_blocks_by_preemption(self) -> bool:
        """Give each decoding sequence its block of this step, first come first served."""
        step, size = self._step, self._block_size
        remainder = step % size
        taken = 0
        for request in list(self._decoding):
            if -self._offset[request] % size != remainder:
                continue
            while self._used_blocks + taken >= self._blocks and request in self._decoding:
                self._preempt_last()
            if request not in self._decoding:
                break
            taken += 1
        self._used_blocks += taken
        return True

    def _preempt_last(self) -> None:
        if self._partial is not None:
            request = self._partial
            self._partial = None
            self._used_blocks -= self._blocks_of(self._partial_done)
        else:
            request = next(reversed(self._decoding))
            self._to_write[request] = self._ends_at[request] - self._step
            self._leave_batch(request)
            # Its last token is not in the cache yet.
            self._to_compute[request] = self._offset[request] + self._step + 1
        self._preempted_at.setdefault(request, self.clock_s)
        self._queued_again_at[request] = self.clock_s
        self._waiting.appendleft(request)
