"""How fast an engine is: measured with vLLM's own benchmark, or assumed and marked so.

To measure, start one engine as the stack will (same flags, nothing else on its
GPUs) with `--no-enable-prefix-caching`, and ask it for two shapes of requests,
each at several concurrencies, one result file a point:

    for shape in "1024 256" "2048 64"; do
      set -- $shape
      for n in 1 8 32 128; do
        vllm bench serve --model MODEL --base-url http://ENGINE:8000 \\
          --dataset-name random --random-input-len $1 --random-output-len $2 --ignore-eos \\
          --max-concurrency $n --num-prompts $((n * 10 + 20)) --num-warmups 5 \\
          --save-result --result-dir results --result-filename $1-$2-$n.json
      done
    done

Two shapes, because with one the prompt tokens of a step rise with its sequences
and nobody can tell their costs apart. `--max-concurrency 1`, because there the
time to first token is one step. Prompts no longer than `--max-num-batched-tokens`,
for the same reason. `--request-rate` with a rate does as well as a concurrency.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from planner.lengths import FloatArray
from planner.nonnegative import solve
from planner.step_time import StepTime

LEAST_POINTS = 2

MAX_PROMPT_TIME_SHARE = 0.25
"""Share of time spent on prompts, up to which prompts rarely meet in a step, so that a
time to first token says what one prompt costs."""

IDENTIFIED = 0.2
"""Least singular value of the equations with columns of length 1. The equations are right
within a few per cent (steps differ, they speak of means), and their errors come out divided by
this. The cost of cached tokens passes only where context lengths differ by several times;
otherwise it is part of the cost of a sequence, for contexts as long as the measured ones."""

COLUMNS = ("base_s", "per_sequence_s", "per_prefill_token_s", "per_kv_token_s")


@dataclass(frozen=True, slots=True)
class Throughput:
    """A step time and where it comes from.

    error: relative error (root mean square) of the fit in the measured inter-token
        latencies and times to first token, per degree of freedom; None: nothing to check by.
    """

    step_time: StepTime
    source: str
    assumed: bool
    error: float | None


def assumed(step_time: StepTime, source: str = "typed, not measured") -> Throughput:
    return Throughput(step_time, source, assumed=True, error=None)


@dataclass(frozen=True, slots=True)
class Point:
    """One result of `vllm bench serve`; means over its requests."""

    source: str
    duration_s: float
    requests: int
    prompt_tokens: float
    output_tokens: float
    ttft_s: float
    token_s: float
    concurrency: int | None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Refuses results that do not show an engine at work; names file, key and value."""
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise ValueError(
                f"{path}: is not one JSON object ({error}); allowed: one file a point, "
                "without --append-result"
            ) from error
        match result:
            case dict():
                return cls.of_result(result, str(path))
            case _:
                raise ValueError(f"{path}: is not one JSON object; allowed: one file a point")

    @classmethod
    def of_result(cls, result: dict[str, Any], source: str) -> Self:
        numbers = {
            key: _number(result, key, source)
            for key in (
                "duration",
                "completed",
                "total_input_tokens",
                "total_output_tokens",
                "mean_ttft_ms",
                "mean_tpot_ms",
            )
        }
        failed = _number(result, "failed", source, allow_zero=True)
        if failed:
            raise ValueError(
                f"{source}: failed: {failed:g} is not allowed; allowed: 0, failed requests make "
                "the others faster"
            )
        if "spec_decode_acceptance_rate" in result:
            raise ValueError(
                f"{source}: spec_decode_acceptance_rate: an engine that drafts tokens is not "
                "allowed; allowed: measured without speculative decoding"
            )
        requests = numbers["completed"]
        if numbers["total_output_tokens"] <= requests:
            raise ValueError(
                f"{source}: total_output_tokens: {numbers['total_output_tokens']:g} of "
                f"{requests:g} requests is not allowed; allowed: 2 tokens a request or more"
            )
        concurrency = result.get("max_concurrency")
        if concurrency is None and result.get("request_rate") in (None, "inf"):
            raise ValueError(
                f"{source}: max_concurrency: null with request_rate: inf is not allowed; allowed: "
                "--max-concurrency or --request-rate; all requests at once show no steady state"
            )
        return cls(
            source=source,
            duration_s=numbers["duration"],
            requests=int(requests),
            prompt_tokens=numbers["total_input_tokens"] / requests,
            output_tokens=numbers["total_output_tokens"] / requests,
            ttft_s=numbers["mean_ttft_ms"] / 1000,
            token_s=numbers["mean_tpot_ms"] / 1000,
            concurrency=None if concurrency is None else int(concurrency),
        )

    @property
    def requests_per_s(self) -> float:
        return self.requests / self.duration_s

    @property
    def batch(self) -> float:
        """Decoding sequences on average: Little's law over the time from first to last token."""
        return self.requests_per_s * (self.output_tokens - 1) * self.token_s

    def equations(self) -> list[tuple[FloatArray, float]]:
        """(columns, seconds): what each measured figure says about the step time."""
        prefill_tokens = self.requests_per_s * self.prompt_tokens * self.token_s
        kv_tokens = self.batch * (self.prompt_tokens + self.output_tokens / 2)
        found = [(np.array([1.0, self.batch, prefill_tokens, kv_tokens]), self.token_s)]
        # Alone, a request's first token takes one step; from others it waits for their step.
        if self.concurrency == 1:
            found.append((np.array([1.0, 0.0, self.prompt_tokens, 0.0]), self.ttft_s))
        elif self.concurrency is None:
            prompt_share = self.requests_per_s * self.ttft_s
            if prompt_share <= MAX_PROMPT_TIME_SHARE:
                found.append(self._first_token(prompt_share, kv_tokens))
        return found

    def _first_token(self, prompt_share: float, kv_tokens: float) -> tuple[FloatArray, float]:
        """Requests come by chance: they wait half of the step that they meet, if they meet one."""
        busy = min(1.0, self.batch + prompt_share)
        step_s = prompt_share * self.ttft_s + (busy - min(busy, prompt_share)) * self.token_s
        columns = np.array([1.0, self.batch, self.prompt_tokens, kv_tokens])
        return columns, self.ttft_s - step_s / 2


def _number(result: dict[str, Any], key: str, source: str, *, allow_zero: bool = False) -> float:
    if key not in result:
        raise ValueError(
            f"{source}: {key} is missing; allowed: what `vllm bench serve --save-result` writes"
        )
    value = result[key]
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    if not usable or not 0 <= value < math.inf or (value == 0 and not allow_zero):
        raise ValueError(
            f"{source}: {key}: {json.dumps(value)} is not allowed; allowed: a number above 0"
        )
    return float(value)


def measured(paths: Sequence[Path]) -> Throughput:
    """The step time that fits the result files best."""
    return fitted([Point.read(path) for path in paths])


def fitted(points: Sequence[Point]) -> Throughput:
    """Non-negative least squares on relative errors."""
    names = ", ".join(point.source for point in points)
    loads = {(point.concurrency, round(point.requests_per_s, 3)) for point in points}
    if len(points) < LEAST_POINTS or len(loads) < LEAST_POINTS:
        raise ValueError(
            f"{names or 'no file'}: {len(loads)} load is not allowed; allowed: {LEAST_POINTS} or "
            "more points at different --max-concurrency or --request-rate"
        )
    rows = [equation for point in points for equation in point.equations()]
    seconds = np.array([value for _, value in rows])
    if (seconds <= 0).any():
        raise ValueError(
            f"{names}: mean_ttft_ms is less than a request waits for a step; allowed: results "
            "of a server that streams"
        )
    # Divided by what was measured: a relative error counts the same in short and long steps.
    matrix = np.array([columns for columns, _ in rows]) / seconds[:, None]
    used = next((n for n in (4, 3) if _identified(matrix[:, :n])), None)
    if used is None:
        raise ValueError(
            f"{names}: sequences and prompt tokens rise together, so their costs cannot be told "
            "apart; allowed: also a point at --max-concurrency 1, and one with another "
            "--random-input-len"
        )
    figures = solve(matrix[:, :used], np.ones(len(rows)))
    if figures[0] <= 0:
        raise ValueError(
            f"{names}: the fit has no fixed time a step; allowed: points at low concurrency as well"
        )
    residuals = matrix[:, :used] @ figures - 1
    freedom = len(rows) - used
    error = math.sqrt(float(residuals @ residuals) / freedom) if freedom > 0 else None
    step_time = StepTime(**dict(zip(COLUMNS, map(float, figures), strict=False)))
    return Throughput(step_time, f"fit of {names}", assumed=False, error=error)


def _identified(matrix: FloatArray) -> bool:
    """Whether the equations have one answer, not a family of nearly equal ones."""
    if matrix.shape[0] < matrix.shape[1]:
        return False
    lengths = np.linalg.norm(matrix, axis=0)
    if not lengths.all():
        return False
    return float(np.linalg.svd(matrix / lengths, compute_uv=False)[-1]) >= IDENTIFIED
