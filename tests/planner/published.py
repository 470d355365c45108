"""Published results of vLLM's own benchmark, calibrated on some and predicted for the others.

The runs are short: 200 requests, or one burst. So each is simulated from its first
request to its last with the published lengths and arrival times, and nothing is cut
off. What is calibrated and what is predicted is said in `EXPERIMENTS`.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from planner.lengths import FloatArray
from planner.limits import EngineLimits
from planner.simulated import summarise
from planner.simulation import Arrivals, run_replica
from planner.step_time import StepTime

PUBLISHED = Path(__file__).parent / "published_benchmarks.json"

BLOCK_SIZE = 16
FIRST_GUESS = (0.02, 1e-4, 1e-4)
"""Seconds a step, a sequence and a prompt token."""

DIFFERENCE = 0.05
LONGEST_CHANGE = 0.7
LEAST_CHANGE = 0.003
MOST_ROUNDS = 12

SECONDS = {"ttft": "ttft_ms", "tpot": "tpot_ms", "itl": "itl_ms"}

Figure = tuple[str, str]
"""("ttft" or "tpot" or "itl", "mean" or "p50" or "p99"), seconds; or ("run", "duration")."""

Key = int | str


@cache
def published() -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in json.loads(PUBLISHED.read_text(encoding="utf-8"))}


@dataclass(frozen=True)
class Run:
    """A published point. `cached`: its prompts were those of an earlier run of the server."""

    benchmark: str
    point: dict[str, Any]
    cached: bool = False

    @property
    def name(self) -> str:
        rate = self.point["request_rate_per_s"]
        return f"{self.point['num_requests']} at once" if rate == "inf" else f"{rate} a second"

    def measured(self, figure: Figure) -> float:
        metric, statistic = figure
        if metric == "run":
            return float(self.point["duration_s"])
        return float(self.point[SECONDS[metric]][statistic]) / 1000

    def arrivals(self) -> Arrivals:
        benchmark = published()[self.benchmark]
        requests = self.point["num_requests"]
        if "prompt_lengths" in benchmark:
            prompts = np.array(benchmark["prompt_lengths"], dtype=np.int64)
            outputs = np.array(benchmark["output_lengths"], dtype=np.int64)
        else:
            prompts = np.full(requests, benchmark["prompt_tokens"], dtype=np.int64)
            outputs = np.full(requests, benchmark["output_tokens"], dtype=np.int64)
        if self.cached:
            # A hit leaves the tokens of the last block: the cache holds full blocks, and
            # the last token is always computed.
            prompts = prompts - (prompts - 1) // BLOCK_SIZE * BLOCK_SIZE
        rate = self.point["request_rate_per_s"]
        times = (
            np.zeros(requests)
            if rate == "inf"
            else np.array(benchmark["arrivals_s_at_rate_1"]) / rate
        )
        return Arrivals(times, prompts, outputs)


@dataclass(frozen=True)
class Experiment:
    """Three figures make the three figures of a step time; the others are predicted by it.

    A run is told by its rate, or by its number of requests where all come at once.
    """

    benchmark: str
    limits: EngineLimits
    calibrated: Mapping[Key, Sequence[Figure]]
    predicted: Mapping[Key, Sequence[Figure]]
    first_run: Key | None = None
    """The one whose prompts the later runs find in the prefix cache."""

    def run(self, key: Key) -> Run:
        for point in published()[self.benchmark]["points"]:
            rate, requests = point["request_rate_per_s"], point["num_requests"]
            if key == (f"{requests} at once" if rate == "inf" else rate):
                cached = self.first_run is not None and key != self.first_run
                return Run(self.benchmark, point, cached)
        raise KeyError(key)


ALL_FIGURES: Sequence[Figure] = (
    ("ttft", "mean"),
    ("ttft", "p99"),
    ("tpot", "mean"),
    ("tpot", "p99"),
    ("itl", "p50"),
    ("itl", "p99"),
    ("run", "duration"),
)
WITHOUT_TTFT = ALL_FIGURES[2:]

EXPERIMENTS = (
    Experiment(
        "llama-3.3-70b-tp8-a100-40gb",
        # Defaults of vLLM 0.8 on this GPU; the KV cache is far from full.
        EngineLimits(kv_tokens=380_000, max_num_seqs=256, max_num_batched_tokens=2048),
        calibrated={1: [("ttft", "mean"), ("tpot", "mean")], "200 at once": [("itl", "mean")]},
        predicted={4: ALL_FIGURES, 16: ALL_FIGURES},
        first_run=1,
    ),
    Experiment(
        "qwen2-7b-tp1-a100-80gb",
        EngineLimits(kv_tokens=464_848, max_num_seqs=256, max_num_batched_tokens=2048),
        calibrated={
            "10 at once": [("ttft", "mean"), ("tpot", "mean")],
            "100 at once": [("tpot", "mean")],
        },
        predicted={
            "50 at once": ALL_FIGURES,
            "75 at once": ALL_FIGURES,
            "100 at once": [each for each in ALL_FIGURES if each != ("tpot", "mean")],
            # A third to a half of their prompts came from the prefix cache.
            "200 at once": WITHOUT_TTFT,
            "500 at once": WITHOUT_TTFT,
        },
    ),
)


@dataclass(frozen=True)
class Outcome:
    run: str
    figure: Figure
    measured_s: float
    simulated_s: float
    calibrated: bool

    @property
    def error(self) -> float:
        return self.simulated_s / self.measured_s - 1


def outcomes(experiment: Experiment) -> tuple[StepTime, list[Outcome]]:
    step_time = calibrate(experiment)
    found = []
    for figures, calibrated in ((experiment.calibrated, True), (experiment.predicted, False)):
        for key, wanted in figures.items():
            run = experiment.run(key)
            values = simulated(run, experiment.limits, step_time)
            found += [
                Outcome(run.name, figure, run.measured(figure), values[figure], calibrated)
                for figure in wanted
            ]
    return step_time, found


def calibrate(experiment: Experiment) -> StepTime:
    """Newton's method on the logarithms of three figures; see `Experiment`.

    The simulation is not smooth (a step more or less before an arrival), hence
    wide differences and an end that is not exact.
    """
    runs = [(experiment.run(key), wanted) for key, wanted in experiment.calibrated.items()]

    def errors(logs: FloatArray) -> FloatArray:
        step_time = StepTime(*np.exp(logs).tolist())
        found = []
        for run, wanted in runs:
            values = simulated(run, experiment.limits, step_time)
            found += [math.log(values[figure] / run.measured(figure)) for figure in wanted]
        return np.array(found)

    logs = np.log(FIRST_GUESS)
    for _ in range(MOST_ROUNDS):
        slopes = [
            (errors(logs + DIFFERENCE * axis) - errors(logs - DIFFERENCE * axis)) / (2 * DIFFERENCE)
            for axis in np.eye(len(logs))
        ]
        change = np.linalg.solve(np.array(slopes).T, -errors(logs))
        logs = logs + np.clip(change, -LONGEST_CHANGE, LONGEST_CHANGE)
        if np.abs(change).max() < LEAST_CHANGE:
            break
    return StepTime(*np.exp(logs).tolist())


def simulated(run: Run, limits: EngineLimits, step_time: StepTime) -> dict[Figure, float]:
    replica = run_replica(run.arrivals(), limits, step_time)
    end_s = float(replica.finished_s.max())
    found = summarise([replica], limits, step_time, from_s=0.0, to_s=end_s)
    several = replica.output_tokens > 1
    decode_s = (replica.finished_s - replica.first_token_s)[several]
    tpot_s = decode_s / (replica.output_tokens[several] - 1)
    itl = found.itl_s
    return {
        **_figures("ttft", replica.first_token_s - replica.arrival_s),
        **_figures("tpot", tpot_s),
        ("itl", "mean"): itl.mean,
        ("itl", "p50"): itl.p50,
        ("itl", "p99"): itl.p99,
        ("run", "duration"): end_s - float(replica.arrival_s[0]),
    }


def _figures(metric: str, seconds: FloatArray) -> dict[Figure, float]:
    p50, p99 = np.percentile(seconds, (50, 99))
    return {
        (metric, "mean"): float(seconds.mean()),
        (metric, "p50"): float(p50),
        (metric, "p99"): float(p99),
    }
