"""A step time from result files: given back where it is known, refused where it is not shown."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.lengths import Lengths
from planner.limits import EngineLimits
from planner.measurement import Point, assumed, fitted, measured
from planner.nonnegative import solve
from planner.simulation import simulate
from planner.step_time import StepTime
from planner.workload import Workload
from tests.planner.bench_results import write_results

KNOWN = StepTime(base_s=0.015, per_sequence_s=0.0001, per_prefill_token_s=0.00005)


def simulated_point(prompt: int, output: int, requests_per_s: float, step_time: StepTime) -> Point:
    """A run of the benchmark at a request rate, made by the simulation."""
    workload = Workload(
        requests_per_s=requests_per_s,
        prompt=Lengths(prompt, prompt, prompt),
        output=Lengths(output, output, output),
    )
    limits = EngineLimits(kv_tokens=10**6, max_num_seqs=256, max_num_batched_tokens=8192)
    found = simulate(workload, limits, step_time, replicas=1, requests=3000, seed=1)
    return Point(
        source=f"{prompt} {output} {requests_per_s}",
        duration_s=found.window_s,
        requests=round(found.requests_per_s * found.window_s),
        prompt_tokens=prompt,
        output_tokens=output,
        ttft_s=found.ttft_s.mean,
        token_s=(found.e2e_s.mean - found.ttft_s.mean) / (output - 1),
        concurrency=None,
    )


def test_the_step_time_of_a_simulated_engine_is_found_again() -> None:
    shapes = [(1024, 256, 1.0), (1024, 256, 6.0), (2048, 64, 1.0), (2048, 64, 4.0)]
    found = fitted([simulated_point(*shape, KNOWN) for shape in shapes])
    assert not found.assumed
    assert found.error is not None
    assert found.error < 0.03
    assert found.step_time.base_s == pytest.approx(KNOWN.base_s, rel=0.05)
    assert found.step_time.per_prefill_token_s == pytest.approx(KNOWN.per_prefill_token_s, rel=0.1)
    for batch in (1, 32, 128):
        expected_s = KNOWN.seconds(sequences=batch)
        assert found.step_time.seconds(sequences=batch) == pytest.approx(expected_s, rel=0.1)


@given(
    base_s=st.floats(0.005, 0.05),
    per_sequence_s=st.floats(0.00005, 0.0005),
    per_prefill_token_s=st.floats(0.00001, 0.0001),
)
@settings(max_examples=20, deadline=None)
def test_results_at_concurrencies_give_the_step_time_back(
    tmp_path_factory: pytest.TempPathFactory,
    base_s: float,
    per_sequence_s: float,
    per_prefill_token_s: float,
) -> None:
    known = StepTime(base_s, per_sequence_s, per_prefill_token_s)
    found = measured(write_results(tmp_path_factory.mktemp("results"), known)).step_time
    assert found.base_s == pytest.approx(base_s, rel=0.05)
    assert found.per_prefill_token_s == pytest.approx(per_prefill_token_s, rel=0.1)
    step_s = known.seconds(sequences=32, prefill_tokens=1024)
    assert found.seconds(sequences=32, prefill_tokens=1024) == pytest.approx(step_s, rel=0.05)


def test_typed_values_are_marked() -> None:
    found = assumed(KNOWN)
    assert found.assumed
    assert found.error is None
    assert found.step_time == KNOWN


def without(key: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda result: {name: value for name, value in result.items() if name != key}


def with_value(**values: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda result: {**result, **values}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without("mean_tpot_ms"), "mean_tpot_ms is missing; allowed: what `vllm bench serve"),
        (without("failed"), "failed is missing"),
        (with_value(failed=3), "failed: 3 is not allowed; allowed: 0"),
        (with_value(duration=0), "duration: 0 is not allowed; allowed: a number above 0"),
        (with_value(completed="many"), 'completed: "many" is not allowed'),
        (with_value(mean_ttft_ms=True), "mean_ttft_ms: true is not allowed"),
        (with_value(mean_ttft_ms=float("nan")), "mean_ttft_ms: NaN is not allowed"),
        (with_value(total_output_tokens=400), "allowed: 2 tokens a request or more"),
        (with_value(max_concurrency=None), "max_concurrency: null with request_rate: inf"),
        (with_value(spec_decode_acceptance_rate=0.7), "without speculative decoding"),
    ],
)
def test_results_that_show_no_step_time_are_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], dict[str, Any]], said: str
) -> None:
    paths = write_results(tmp_path, KNOWN)
    paths[0].write_text(json.dumps(change(json.loads(paths[0].read_text()))))
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        measured(paths)
    assert str(refused.value).startswith(f"{paths[0]}: ")
    assert said in str(refused.value)


@pytest.mark.parametrize("content", ["[1]", "{} {}", "not JSON"])
def test_files_that_are_no_result_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(content)
    with pytest.raises(ValueError, match="one file a point"):
        measured([path])


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no\.json: cannot be read"):
        measured([tmp_path / "no.json"])


def test_too_few_points_are_refused(tmp_path: Path) -> None:
    paths = write_results(tmp_path, KNOWN, concurrencies=(8,))
    with pytest.raises(ValueError, match="2 or more points at different"):
        measured(paths[:1])
    with pytest.raises(ValueError, match="2 or more points at different"):
        measured([])


def test_points_that_do_not_tell_prompts_from_sequences_are_refused(tmp_path: Path) -> None:
    one_shape = write_results(tmp_path, KNOWN, concurrencies=(8, 32, 64))[:3]
    with pytest.raises(ValueError, match="cannot be told apart; allowed: also a point at"):
        measured(one_shape)


@given(st.integers(0, 2**32))
@settings(max_examples=50, deadline=None)
def test_nonnegative_least_squares(seed: int) -> None:
    """No step along an axis that stays at 0 or above makes the fit better."""
    generator = np.random.default_rng(seed)
    matrix, values = generator.normal(size=(6, 4)), generator.normal(size=6)
    found = solve(matrix, values)
    assert (found >= 0).all()
    slope = matrix.T @ (matrix @ found - values)
    assert (slope[found == 0] >= -1e-9).all()
    np.testing.assert_allclose(slope[found > 0], 0, atol=1e-9)
