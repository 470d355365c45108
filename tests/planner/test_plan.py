"""From traffic and a target to engines, nodes and cost."""

import json
import math

import pytest

from catalog.instance_types import P4D, P4DE
from catalog.models import model
from catalog.parallel_layout import ParallelLayout
from planner import report
from planner.admission import admission_limits
from planner.hints import hints
from planner.lengths import Lengths
from planner.plan import LEAST_BURSTS, MOST_REPLICAS, PlanRequest, Verdict, plan
from planner.price import price_of
from planner.simulated import Saturation
from planner.simulation import simulate
from planner.step_time import StepTime
from planner.target import Target
from planner.write_stack import WriteRefusedError, with_plan
from tests.planner.plans import (
    LARGE_MIXTRAL,
    MEASURED,
    STEP_TIME,
    bursty_plan,
    deployment,
    met_plan,
    missed_plan,
    request,
    too_large_plan,
)


def test_the_least_engines_that_meet_the_target() -> None:
    found = met_plan()
    assert found.verdict is Verdict.MEETS
    assert found.replicas is not None
    assert found.replicas > 1
    assert found.misses == []
    fewer = found.run()(found.request.requests_per_s / (found.replicas - 1))
    assert found.request.target.misses(fewer)


def test_headroom_is_what_still_meets_the_target() -> None:
    found = met_plan()
    assert found.headroom is not None
    assert found.headroom >= 1
    assert found.largest_requests_per_s is not None
    assert found.replicas is not None
    target, run = found.request.target, found.run()
    assert not target.misses(run(found.largest_requests_per_s / found.replicas))
    assert target.misses(run(found.largest_requests_per_s * 1.05 / found.replicas))


def test_one_engine_at_its_share_stands_for_all_of_them() -> None:
    found = bursty_plan()
    assert found.limits is not None
    workload = found.request.workload
    together = simulate(workload, found.limits, STEP_TIME, replicas=3, requests=90_000, seed=5)
    part = PlanRequest(
        deployment=found.request.deployment,
        requests_per_s=workload.requests_per_s / 3,
        burst_factor=workload.burst_factor,
        burst_s=workload.burst_s,
        prompt=found.request.prompt,
        output=found.request.output,
        target=found.request.target,
        throughput=found.request.throughput,
    ).workload
    alone = simulate(part, found.limits, STEP_TIME, replicas=1, requests=90_000, seed=6)
    assert alone.ttft_s.p50 == pytest.approx(together.ttft_s.p50, rel=0.05)
    assert alone.itl_s.p99 == pytest.approx(together.itl_s.p99, rel=0.05)
    error = alone.ttft_s.p99_half_width + together.ttft_s.p99_half_width
    assert alone.ttft_s.p99 == pytest.approx(together.ttft_s.p99, abs=1.5 * error)


def test_equal_requests_make_equal_plans() -> None:
    asked = request(burst_factor=3.0)
    assert report.document(plan(asked)) == report.document(plan(asked))


def test_a_model_that_does_not_fit_is_not_simulated() -> None:
    found = too_large_plan()
    assert found.verdict is Verdict.DOES_NOT_FIT
    assert (found.simulated, found.replicas, found.price) == (None, None, None)
    assert "GiB a GPU are missing" in report.verdict(found)
    fixes = dict(report.rows(found))["what would fit"]
    assert "p4de.24xlarge with tensor_parallel_size 8" in fixes
    with pytest.raises(ValueError, match="does not fit"):
        found.run()


def test_a_prompt_that_is_too_long_for_any_number_of_engines() -> None:
    found = plan(request(target=Target(ttft_p99_s=0.05, itl_p99_s=0.15)))
    assert found.replicas is None
    assert found.verdict is Verdict.MISSES
    assert "even an engine that is hardly used misses: p99 TTFT" in report.verdict(found)
    assert "a prompt of 2000 tokens takes 0.11 s on an idle engine" in report.verdict(found)
    assert found.saturates_first is None


def test_a_step_that_is_too_slow_for_any_number_of_engines() -> None:
    found = plan(request(target=Target(ttft_p99_s=1.0, itl_p99_s=0.01)))
    assert "a step of one sequence takes 12.1 ms" in report.verdict(found)


def test_more_engines_than_a_stack_may_have() -> None:
    found = plan(request(requests_per_s=2000.0))
    assert found.replicas is None
    assert f"a stack has {MOST_REPLICAS} at the most" in report.verdict(found)


def test_a_given_number_of_engines_is_judged() -> None:
    found = missed_plan()
    assert (found.replicas, found.verdict) == (1, Verdict.MISSES)
    assert found.headroom is not None
    assert found.headroom < 1
    assert found.why_not
    needed = int(found.why_not[0].split()[0])
    assert plan(request(requests_per_s=40.0)).replicas in (needed, needed + 1)


@pytest.mark.parametrize(
    ("layout", "replicas", "nodes"),
    [
        (ParallelLayout(8), 3, 3),
        (ParallelLayout(4), 3, 2),
        (ParallelLayout(2), 5, 2),
        (ParallelLayout(8, pipeline_parallel_size=2), 3, 6),
        (ParallelLayout(2, data_parallel_size=2, expert_parallel=True), 3, 2),
    ],
)
def test_nodes_by_layout(layout: ParallelLayout, replicas: int, nodes: int) -> None:
    assert deployment(instance_type=P4DE, layout=layout).nodes(replicas) == nodes


def test_host_memory_can_keep_engines_from_sharing_a_node() -> None:
    """Each engine of Mixtral-8x22B loads 262 GiB of weights; three fit beside each other."""
    engine = deployment(model=model(LARGE_MIXTRAL), instance_type=P4DE, layout=ParallelLayout(2))
    assert engine.engines_per_node == 3
    assert engine.nodes(4) == 2
    assert engine.refusals() == []


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ({"layout": ParallelLayout(3)}, "tensor_parallel_size"),
        ({"layout": ParallelLayout(4, pipeline_parallel_size=2)}, "tensor_parallel_size"),
        (
            {"layout": ParallelLayout(8, data_parallel_size=2, expert_parallel=True)},
            "redundant_experts",
        ),
        ({"max_model_len": 65536}, "max_model_len"),
        ({"max_num_batched_tokens": 256}, "max_num_batched_tokens"),
    ],
)
def test_what_could_not_start_is_refused(changes: dict[str, object], parameter: str) -> None:
    assert parameter in [name for name, _, _ in deployment(**changes).refusals()]


def test_admission_limits_are_those_of_the_documentation() -> None:
    engine = deployment()
    limits = admission_limits(
        engine, STEP_TIME, target_ttft_s=2.0, prompt_mean=600, output_mean=150
    )
    # A full batch of 256 leaves 1792 tokens of a step to prompts.
    step_s = 0.012 + 256 * 0.0001 + 1792 / 20_000
    assert limits.full_batch == 256
    assert limits.prefill_tokens_per_s == pytest.approx(1792 / step_s)
    assert limits.max_queued_tokens == math.floor(2.0 * 1792 / step_s)
    assert limits.max_queued_requests == 256 + math.ceil(limits.max_queued_tokens / 600)


def test_admission_limits_count_all_ranks() -> None:
    one = deployment(instance_type=P4DE, layout=ParallelLayout(2, expert_parallel=True))
    two = deployment(
        instance_type=P4DE, layout=ParallelLayout(2, data_parallel_size=2, expert_parallel=True)
    )
    limits = [
        admission_limits(engine, STEP_TIME, target_ttft_s=1.0, prompt_mean=600, output_mean=150)
        for engine in (one, two)
    ]
    assert limits[1].prefill_tokens_per_s == pytest.approx(2 * limits[0].prefill_tokens_per_s)
    assert limits[1].max_queued_requests == pytest.approx(2 * limits[0].max_queued_requests, abs=2)


def test_prices() -> None:
    known = price_of(P4D, 2, region="us-east-1", purchase="on_demand")
    assert known.usd_per_hour == pytest.approx(2 * 21.957642)
    # 1000 tokens a second are 3.6 million an hour.
    assert known.usd_per_million_tokens(1000) == pytest.approx(2 * 21.957642 / 3.6)
    reserved = price_of(P4D, 2, region="us-east-1", purchase="reservation")
    assert reserved.usd_per_hour == known.usd_per_hour
    assert "whether it is used or not" in reserved.note
    for region, purchase, why in (
        (None, "on_demand", "no region given"),
        ("eu-south-1", "on_demand", "no price in the catalogue for p4d.24xlarge in eu-south-1"),
        ("us-east-1", "capacity_block", "that day's price"),
    ):
        unknown = price_of(P4D, 2, region=region, purchase=purchase)  # type: ignore[arg-type]
        assert unknown.usd_per_hour is None
        assert unknown.usd_per_million_tokens(1000) is None
        assert why in unknown.note


def test_cost_is_that_of_the_nodes() -> None:
    found = met_plan()
    assert found.price is not None
    assert found.nodes is not None
    assert found.price.usd_per_hour == pytest.approx(found.nodes * 21.957642)
    tokens_per_s = found.output_tokens_per_s
    assert tokens_per_s == pytest.approx(20 * 150, rel=0.1)


@pytest.mark.parametrize("found", [met_plan, bursty_plan, too_large_plan, missed_plan])
def test_the_document_has_the_same_keys_whatever_came(found) -> None:  # type: ignore[no-untyped-def]
    document = report.document(found())
    assert list(document) == list(report.EMPTY)
    # NaN and infinity are no JSON.
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_an_assumed_step_time_is_marked_everywhere() -> None:
    for found, assumed in ((met_plan(), True), (met_plan(measured=True), False)):
        assert (report.ASSUMED in report.title(found)) is assumed
        assert (report.ASSUMED in dict(report.rows(found))["step time"]) is assumed
        assert report.document(found)["assumed"] is assumed
        assert any(report.ASSUMED in hint for hint in hints(found)) is assumed


def test_hints() -> None:
    rough = MEASURED.__class__(STEP_TIME, "fit of a.json", assumed=False, error=0.4)
    said = " ".join(hints(plan(request(throughput=rough, measured_batch=1.0))))
    assert "misses the measured latencies by 40%" in said
    assert "no more than 1 were measured" in said
    wide = plan(request(target=Target(ttft_p99_s=1.0, itl_p99_s=0.1)))
    assert "max_num_batched_tokens 2048 of prompts lasts 114.5 ms" in " ".join(hints(wide))
    few = plan(request(burst_factor=2.0, burst_s=600.0))
    assert "bursts were simulated" in " ".join(hints(few))


def test_outputs_of_one_token_have_no_time_between_tokens() -> None:
    found = plan(request(output=Lengths(1, 1, 8192)))
    assert found.verdict is Verdict.MEETS
    assert report.document(found)["simulated"]["itl_s"]["p99"] is None


def test_a_target_that_is_none_is_refused() -> None:
    for values in ({"ttft_p99_s": 0.0}, {"itl_p99_s": math.inf}, {"rejected_share": 1.0}):
        with pytest.raises(ValueError, match="is not allowed"):
            Target(**{"ttft_p99_s": 1.0, "itl_p99_s": 0.1, **values})


def test_a_tight_kv_cache_saturates_first() -> None:
    """Long sequences on few tokens of KV cache, and steps that cost next to nothing."""
    fast = MEASURED.__class__(StepTime(0.03, 1e-6, 1e-6), "fast", assumed=False, error=None)
    found = plan(
        request(
            throughput=fast,
            deployment=deployment(
                model=model(LARGE_MIXTRAL),
                instance_type=P4DE,
                layout=ParallelLayout(4),
                min_sequences=1,
                max_num_seqs=1024,
                max_model_len=32768,
            ),
            prompt=Lengths(6000, 12000, 32767),
            output=Lengths(1000, 2000, 32768),
            requests_per_s=1.0,
        )
    )
    assert found.saturates_first is Saturation.KV_CACHE
    assert report.document(found)["saturates_first"] == "kv_cache"


def test_long_steps_saturate_compute_first() -> None:
    found = plan(request(target=Target(ttft_p99_s=5.0, itl_p99_s=0.1)))
    assert found.saturates_first is Saturation.COMPUTE


def test_chance_is_no_verdict_where_hardly_a_burst_was_simulated() -> None:
    found = plan(request(burst_factor=10.0, burst_s=3600.0))
    assert not found.misses
    assert found.bursts < LEAST_BURSTS
    assert found.verdict is Verdict.CANNOT_TELL
    assert f"ask for --requests {found.requests_for_bursts} or more" in report.verdict(found)
    with pytest.raises(WriteRefusedError):
        with_plan("config: {}", found)


def test_a_loose_target_is_searched_up_to_where_it_misses() -> None:
    found = plan(request(target=Target(ttft_p99_s=60.0, itl_p99_s=10.0), requests=20_000))
    assert found.capacity is not None
    assert found.capacity.beyond is not None
    assert found.saturates_first is not None
    assert found.headroom is not None
