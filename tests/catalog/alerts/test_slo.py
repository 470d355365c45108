"""Burn rates: what is recorded, and when somebody is woken up."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from catalog.alerts import slo
from catalog.alerts.slo import SloThresholds
from tests.catalog.alerts.scene import Scene, counter, play, rules_file, run_promtool, series

MODEL = {"namespace": "m", "model_name": "mixtral"}
POD = {**MODEL, "pod": "p", "engine": "0"}

_FIRST_TOKENS = "vllm:time_to_first_token_seconds"
_ENDED = "vllm:request_success_total"
_REFUSED = "vllm:admission_rejections_total"


def first_tokens(every: str, in_time: str, le: str = "2.5") -> list[dict[str, str]]:
    return [
        series(f"{_FIRST_TOKENS}_count", POD, every),
        series(f"{_FIRST_TOKENS}_bucket", {**POD, "le": le}, in_time),
    ]


def requests(good: str, errors: str, refused: str | None = None) -> list[dict[str, str]]:
    """Of two engines, of which the second is idle; without refusals that series is not there."""
    refusals = (
        []
        if refused is None
        else [series(_REFUSED, {**POD, "reason": "max_num_queued_reqs"}, refused)]
    )
    return [
        series(_ENDED, {**POD, "finished_reason": "stop"}, good),
        series(_ENDED, {**POD, "finished_reason": "error"}, errors),
        series(_ENDED, {**POD, "pod": "q", "finished_reason": "stop"}, "0x2000"),
        *refusals,
    ]


SCENES = {
    "all first tokens are late for an hour after six good ones, then none": Scene(
        "FirstTokenSLOBurnsFast",
        first_tokens(counter((60, 500)), counter((60, 360), (0, 60), (60, 80))),
        # 72 % of an hour; the short windows end it soon.
        quiet_min=(360, 401, 430, 480),
        firing_min=410,
        labels=MODEL,
        description=(
            "84.75% of the requests to mixtral in m had no token within 2.5 s in the last hour or"
            " six; 5% may."
        ),
    ),
    "two in five first tokens are late for hours, then none": Scene(
        "FirstTokenSLOBurnsFast",
        first_tokens(counter((60, 800)), counter((36, 600), (60, 200))),
        quiet_min=(1, 625),
        firing_min=420,
        labels=MODEL,
        description=(
            "40% of the requests to mixtral in m had no token within 2.5 s in the last hour or"
            " six; 5% may."
        ),
    ),
    "a fifth of the first tokens is late for hours, which wakes nobody": Scene(
        "FirstTokenSLOBurnsFast",
        first_tokens(counter((60, 800)), counter((48, 800))),
        quiet_min=(60, 420, 800),
    ),
    "every request is late, and there is one in two minutes": Scene(
        "FirstTokenSLOBurnsFast",
        first_tokens(counter((0.5, 800)), "0x800"),
        quiet_min=(60, 420, 800),
    ),
    "a fifth of the first tokens is late for four hours, then none": Scene(
        "FirstTokenSLOBurnsSlowly",
        first_tokens(counter((300, 200)), counter((240, 48), (300, 152))),
        quiet_min=(10, 540, 900),
        firing_min=60,
        labels=MODEL,
        description=(
            "20% of the requests to mixtral in m had no token within 2.5 s in the last one or"
            " three days; 5% may."
        ),
        step_min=5,
    ),
    "as many first tokens are late as may be": Scene(
        "FirstTokenSLOBurnsSlowly",
        first_tokens(counter((300, 300)), counter((286, 300))),
        quiet_min=(60, 700, 1490),
        step_min=5,
    ),
    "one request in fifty fails for an hour after six good ones, then none": Scene(
        "AvailabilitySLOBurnsFast",
        requests(counter((100, 360), (98, 60), (100, 80)), counter((0, 360), (2, 60), (0, 80))),
        quiet_min=(360, 401, 430, 480),
        firing_min=410,
        labels=MODEL,
        description=(
            "1.667% of the requests to mixtral in m failed or were refused in the last hour or six;"
            " 0.1% may."
        ),
    ),
    "every request is refused": Scene(
        "AvailabilitySLOBurnsFast",
        requests("0x100", "0x100", counter((60, 100))),
        quiet_min=(1,),
        firing_min=20,
        labels=MODEL,
        description=(
            "100% of the requests to mixtral in m failed or were refused in the last hour or six;"
            " 0.1% may."
        ),
    ),
    "one in two hundred is refused for four hours, then none": Scene(
        "AvailabilitySLOBurnsSlowly",
        requests(counter((199, 200)), "0x200", counter((1, 48), (0, 152))),
        quiet_min=(10, 700),
        firing_min=60,
        labels=MODEL,
        description=(
            "0.5% of the requests to mixtral in m failed or were refused in the last one or three"
            " days; 0.1% may."
        ),
        step_min=5,
    ),
    "one in ten thousand fails": Scene(
        "AvailabilitySLOBurnsSlowly",
        requests(counter((9999, 300)), counter((1, 300))),
        quiet_min=(60, 700, 1490),
        step_min=5,
    ),
}


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())
def test_alert(scene: Scene, promtool: Path, tmp_path: Path) -> None:
    play(scene, promtool, tmp_path)


def _percent(record: str, percent: float) -> dict[str, object]:
    """An expectation of promtool's after ten minutes; rounded, for a ratio is a quotient."""
    labels = ", ".join(f'{key}="{value}"' for key, value in MODEL.items())
    samples = [{"labels": f"{{{labels}}}", "value": percent}]
    return {"expr": f"round(100 * {record})", "eval_time": "10m", "exp_samples": samples}


def test_both_kinds_of_failure_count_once_against_all_requests(
    promtool: Path, tmp_path: Path
) -> None:
    test = {
        "interval": "1m",
        "input_series": requests(counter((97, 10)), counter((1, 10)), counter((2, 10))),
        "promql_expr_test": [_percent("model:vllm_failed_requests:ratio_rate5m", 3)],
    }
    run_promtool(promtool, rules_file(tmp_path), [test], "1m")


def test_without_requests_nothing_is_recorded(promtool: Path, tmp_path: Path) -> None:
    test = {
        "interval": "1m",
        "input_series": [*first_tokens("7x20", "3x20"), *requests("7x20", "3x20", "3x20")],
        "promql_expr_test": [
            {"expr": f"model:{level}:ratio_rate{window}", "eval_time": "15m", "exp_samples": []}
            for level in ("vllm_late_first_tokens", "vllm_failed_requests")
            for window in ("5m", "3d")
        ],
    }
    run_promtool(promtool, rules_file(tmp_path), [test], "1m")


# prometheus_client writes 1.0, Prometheus 3 makes it so of what others write, Go's client writes 1.
@pytest.mark.parametrize(
    ("edge_s", "le"), [(1.0, "1.0"), (1.0, "1"), (10.0, "10.0"), (0.25, "0.25"), (7.5, "7.5")]
)
def test_the_bucket_is_found_however_its_edge_is_written(
    edge_s: float, le: str, promtool: Path, tmp_path: Path
) -> None:
    others = [
        series(f"{_FIRST_TOKENS}_bucket", {**POD, "le": other}, counter((1, 10)))
        for other in ("0.1", "100.0", "+Inf")
    ]
    test = {
        "interval": "1m",
        "input_series": [*first_tokens(counter((100, 10)), counter((75, 10)), le), *others],
        "promql_expr_test": [_percent("model:vllm_late_first_tokens:ratio_rate5m", 25)],
    }
    rules = rules_file(tmp_path, [slo.group(SloThresholds(ttft_s=edge_s))])
    run_promtool(promtool, rules, [test], "1m")


def test_an_objective_under_which_a_page_could_never_fire_is_refused() -> None:
    # 14.4 times the budget is 1 at 0.93055...: more than all requests cannot be bad.
    with pytest.raises(ValidationError, match=r"above 0\.9306 and below 1: .* could never fire"):
        SloThresholds(availability_objective_ratio=0.9305)
    assert SloThresholds(availability_objective_ratio=0.931)
