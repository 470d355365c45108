"""Properties of whole simulations, whatever the load."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.lengths import FloatArray, Lengths
from planner.limits import EngineLimits
from planner.percentiles import Percentiles, Runs
from planner.records import StepLog
from planner.simulated import Saturation, Simulated, summarise
from planner.simulation import run_replica, simulate
from planner.step_time import StepTime
from planner.workload import Workload
from tests.planner.drawn_cases import Case, cases
from tests.planner.reference import run_reference

WORKLOAD = Workload(
    requests_per_s=12, prompt=Lengths(1000, 4000, 8000), output=Lengths(250, 1000, 2000)
)
LIMITS = EngineLimits(kv_tokens=400_000, max_num_seqs=256, max_num_batched_tokens=2048)
STEP_TIME = StepTime(0.012, 0.0001, 0.00002)


def run(
    *,
    workload: Workload = WORKLOAD,
    limits: EngineLimits = LIMITS,
    step_time: StepTime = STEP_TIME,
    replicas: int = 1,
    requests: int = 4000,
    seed: int = 1,
) -> Simulated:
    return simulate(workload, limits, step_time, replicas=replicas, requests=requests, seed=seed)


def assert_quantile(figure: float, values: FloatArray, q: float) -> None:
    """Where q splits the samples evenly rounding decides, and both neighbours are right."""
    low, high = np.quantile(values, (q - 1e-9, q + 1e-9), method="inverted_cdf")
    assert low - 1e-6 <= figure <= high + 1e-6


@given(cases(), st.integers(1, 3))
@settings(max_examples=150, deadline=None)
def test_nothing_is_lost_and_no_limit_is_passed(case: Case, ranks: int) -> None:
    arrivals, limits, step_time = case
    limits = replace(limits, data_parallel_size=ranks)
    replica = run_replica(arrivals, limits, step_time)
    admitted = ~np.isnan(replica.started_s)
    if limits.max_queued_requests is None and limits.max_queued_tokens is None:
        assert admitted.all()
    for later, earlier in (
        (replica.started_s, replica.arrival_s),
        (replica.first_token_s, replica.started_s),
        (replica.finished_s, replica.first_token_s),
    ):
        assert (later[admitted] >= earlier[admitted]).all()
        assert np.isnan(later[~admitted]).all()
    tables = [dict(zip(StepLog.COLUMNS, table.T, strict=True)) for table in replica.steps]
    # Each request writes its first token at the end of its prompt, and one more whenever
    # it had to compute the prompt again after a preemption.
    decoded = sum(float((table["steps"] * table["decoding"]).sum()) for table in tables)
    written = decoded + admitted.sum() + len(replica.preemption_gaps)
    assert written == replica.output_tokens[admitted].sum()
    prompts = sum(float(table["prefill_tokens"].sum()) for table in tables)
    assert prompts >= replica.prompt_tokens[admitted].sum()
    for table in tables:
        assert table["last_blocks"].max(initial=0) <= limits.kv_blocks
        assert table["decoding"].max(initial=0) <= limits.max_num_seqs
        most = table["decoding"] + table["prefill_tokens"]
        assert most.max(initial=0) <= limits.max_num_batched_tokens
        assert (np.diff(table["start_s"]) > 0).all()


@given(cases())
@settings(max_examples=100, deadline=None)
def test_figures_are_those_of_the_step_by_step_reference(case: Case) -> None:
    arrivals, limits, step_time = case
    replica = run_replica(arrivals, limits, step_time)
    requests, steps = run_reference(*case)
    admitted = [request for request in requests if not request.rejected]
    end_s = float(np.nanmax(replica.finished_s, initial=arrivals.seconds[-1]))
    found = summarise([replica], limits, step_time, from_s=0.0, to_s=end_s)
    assert found.rejected_share == pytest.approx(1 - len(admitted) / len(requests))
    assert found.preemptions == sum(request.num_preemptions for request in requests)
    gaps = np.concatenate([np.zeros(0), *(np.diff(each.token_times) for each in admitted)])
    if gaps.size:
        itl = found.itl_s
        for figure, q in ((itl.p50, 0.5), (itl.p95, 0.95), (itl.p99, 0.99)):
            assert_quantile(figure, gaps, q)
        assert itl.mean == pytest.approx(gaps.mean())
    ttfts = np.array([each.token_times[0] - each.arrival_s for each in admitted])
    if ttfts.size:
        assert found.ttft_s.mean == pytest.approx(ttfts.mean())
        assert found.ttft_s.p99 == pytest.approx(np.percentile(ttfts, 99))
    lasts_s = np.array([step.lasts_s for step in steps])
    blocks = np.array([step.used_blocks for step in steps])
    decoding = np.array([step.decoding for step in steps])
    assert found.busy_share == pytest.approx(lasts_s.sum() / end_s)
    assert found.kv_usage_mean <= 1
    assert found.batch_mean == pytest.approx((decoding * lasts_s).sum() / end_s)
    if step_time.per_kv_token_s == 0 and limits.block_size == 1:
        usage = (blocks * lasts_s).sum() / end_s / limits.kv_blocks
        assert found.kv_usage_mean == pytest.approx(usage)


def test_equal_arguments_give_equal_results() -> None:
    assert run(seed=3) == run(seed=3)
    assert run(seed=3) != run(seed=4)


@given(
    requests_per_s=st.sampled_from([2.0, 10.0, 20.0, 40.0]),
    burst_factor=st.sampled_from([1.0, 3.0]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=8, deadline=None)
def test_more_replicas_never_make_the_first_token_later(
    requests_per_s: float, burst_factor: float, seed: int
) -> None:
    workload = replace(
        WORKLOAD, requests_per_s=requests_per_s, burst_factor=burst_factor, burst_s=5.0
    )
    means = [
        run(workload=workload, replicas=replicas, requests=2000, seed=seed).ttft_s.mean
        for replicas in (1, 2, 4)
    ]
    # Chance moves a mean by less than half a step.
    assert means == sorted(means, reverse=True) or max(np.diff(means)) < STEP_TIME.base_s / 2


def test_the_least_loaded_rank_is_better_than_chance() -> None:
    workload = replace(WORKLOAD, requests_per_s=30)
    by_load = run(workload=workload, limits=replace(LIMITS, data_parallel_size=2))
    by_chance = run(workload=workload, replicas=2)
    assert by_load.ttft_s.p99 <= by_chance.ttft_s.p99
    assert by_load.batch_mean == pytest.approx(2 * by_chance.batch_mean, rel=0.1)


@pytest.mark.parametrize(
    ("limits", "step_time", "requests_per_s", "first"),
    [
        (LIMITS, STEP_TIME, 8, Saturation.NONE),
        (replace(LIMITS, kv_tokens=60_000), STEP_TIME, 12, Saturation.KV_CACHE),
        (replace(LIMITS, max_num_seqs=32), STEP_TIME, 12, Saturation.MAX_NUM_SEQS),
        (LIMITS, replace(STEP_TIME, per_prefill_token_s=0.0001), 12, Saturation.COMPUTE),
        (replace(LIMITS, max_queued_requests=40), STEP_TIME, 12, Saturation.ADMISSION_LIMIT),
    ],
)
def test_what_saturates_first(
    limits: EngineLimits, step_time: StepTime, requests_per_s: float, first: Saturation
) -> None:
    workload = replace(WORKLOAD, requests_per_s=requests_per_s)
    assert run(workload=workload, limits=limits, step_time=step_time).saturated_by is first


def test_a_queue_that_grows_is_called_overload() -> None:
    assert not run().overloaded
    assert run(workload=replace(WORKLOAD, requests_per_s=100)).overloaded


def test_queued_tokens_bound_the_first_token() -> None:
    """vLLM's documentation: the limit is the target TTFT times the prefill throughput."""
    workload = replace(WORKLOAD, requests_per_s=100)
    bounded = run(workload=workload, limits=replace(LIMITS, max_queued_tokens=16_000))
    assert bounded.rejected_share > 0.3
    assert bounded.ttft_s.p99 < run(workload=workload).ttft_s.p99 / 5


def test_the_confidence_interval_narrows_with_more_requests() -> None:
    few, many = run(requests=6000).ttft_s, run(requests=60_000).ttft_s
    assert many.p99_half_width < few.p99_half_width < math.inf
    assert abs(few.p99 - many.p99) < 3 * few.p99_half_width
    assert run(requests=500).ttft_s.p99_half_width == math.inf


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kv_tokens": 8000}, "kv_tokens 8000 is not allowed; allowed: 10000 or more, the longest"),
        ({"max_num_batched_tokens": 100}, "allowed: max_num_seqs (256) or more"),
        ({"max_num_seqs": 0}, "max_num_seqs 0 is not allowed; allowed: 1 or more"),
    ],
)
def test_limits_that_vllm_does_not_start_with(changes: dict[str, int], said: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        run(limits=replace(LIMITS, **changes))
    assert said in str(refused.value)


def test_max_model_len_ends_long_outputs() -> None:
    limits = replace(LIMITS, kv_tokens=9000, max_model_len=8500)
    ended, whole = run(limits=limits, requests=200), run(requests=200)
    assert ended.output_tokens_per_s < whole.output_tokens_per_s


@given(
    st.lists(
        st.tuples(
            st.floats(0, 10), st.sampled_from([0.0, 0.1, 2.0]), st.integers(1, 9), st.integers(1, 5)
        ),
        min_size=1,
        max_size=20,
    ),
    st.floats(1, 99),
)
def test_percentiles_of_runs(rows: list[tuple[float, float, int, int]], q: float) -> None:
    runs = Runs(*(np.array(column, dtype=np.float64) for column in zip(*rows, strict=True)))
    values = np.concatenate(
        [
            np.repeat(first + slope * np.arange(count), weight)
            for first, slope, count, weight in rows
        ]
    )
    assert_quantile(runs.percentile(q), values, q / 100)
    assert runs.mean() == pytest.approx(values.mean())


def test_percentiles_of_nothing() -> None:
    nothing = Percentiles.of_samples(np.zeros(0))
    assert math.isnan(nothing.p99)
    assert nothing.p99_half_width == math.inf
