"""The step time of a layout: from result files, typed, or scaled."""

import json
from pathlib import Path

import pytest

from catalog.parallel_layout import ParallelLayout
from planner.throughput import how_to_measure, measured_on, typed
from tests.planner.bench_results import write_results
from tests.planner.plans import STEP_TIME, deployment

TWO_RANKS = ParallelLayout(4, data_parallel_size=2, expert_parallel=True)


def test_results_give_the_step_time_back(tmp_path: Path) -> None:
    found = measured_on(write_results(tmp_path, STEP_TIME), ParallelLayout(8))
    assert not found.throughput.assumed
    assert found.throughput.source == f"fit of 6 results in {tmp_path}"
    step_time = found.throughput.step_time
    assert step_time.base_s == pytest.approx(STEP_TIME.base_s, rel=0.05)
    assert step_time.per_sequence_s == pytest.approx(STEP_TIME.per_sequence_s, rel=0.2)
    assert found.batch == pytest.approx(32, rel=0.2)


def test_each_data_parallel_rank_has_its_share_of_the_requests(tmp_path: Path) -> None:
    paths = write_results(tmp_path / "one", STEP_TIME)
    one = measured_on(paths, ParallelLayout(8))
    for path in paths:
        result = json.loads(path.read_text())
        if result["max_concurrency"] > 1:
            # Two ranks with as many requests each take half the time for the same number.
            result["duration"] /= 2
            result["max_concurrency"] *= 2
            path.write_text(json.dumps(result))
    two = measured_on(paths, TWO_RANKS)
    assert two.throughput.step_time == one.throughput.step_time
    assert two.batch == pytest.approx(one.batch)


def test_typed_values() -> None:
    found = typed(step_ms=12, sequence_ms=0.1, prefill_tokens_per_s=20_000)
    assert found.throughput.assumed
    assert found.throughput.step_time == STEP_TIME
    assert found.batch is None


def test_the_commands_start_the_engine_that_is_planned() -> None:
    commands = how_to_measure(deployment(layout=TWO_RANKS, max_model_len=4096))
    assert "--tensor-parallel-size 4 --data-parallel-size 2 --enable-expert-parallel" in commands
    assert "--max-model-len 4096" in commands
    # A prompt takes one step, and fits.
    assert 'for shape in "1024 256" "2048 64"; do' in commands
    across = how_to_measure(deployment(layout=ParallelLayout(8, pipeline_parallel_size=2)))
    assert "--pipeline-parallel-size 2" in across
