"""Burn rates: what is recorded, and when somebody is woken up."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from catalog.alerts import slo
from catalog.alerts.scenes.play import said_against
from catalog.alerts.scenes.scene import counter, groups, series
from catalog.alerts.scenes.slo import FIRST_TOKENS, MODEL, POD, first_tokens, requests
from catalog.alerts.slo import SloThresholds


def _percent(record: str, percent: float) -> dict[str, object]:
    """An expectation of promtool's after ten minutes; rounded, for a ratio is a quotient."""
    labels = ", ".join(f'{key}="{value}"' for key, value in MODEL.items())
    samples = [{"labels": f"{{{labels}}}", "value": percent}]
    return {"expr": f"round(100 * {record})", "eval_time": "10m", "exp_samples": samples}


def test_both_kinds_of_failure_count_once_against_all_requests(promtool: Path) -> None:
    test = {
        "interval": "1m",
        "input_series": requests(counter((97, 10)), counter((1, 10)), counter((2, 10))),
        "promql_expr_test": [_percent("model:vllm_failed_requests:ratio_rate5m", 3)],
    }
    assert said_against(promtool, groups(), [test], "1m") == ""


def test_without_requests_nothing_is_recorded(promtool: Path) -> None:
    test = {
        "interval": "1m",
        "input_series": [*first_tokens("7x20", "3x20"), *requests("7x20", "3x20", "3x20")],
        "promql_expr_test": [
            {"expr": f"model:{level}:ratio_rate{window}", "eval_time": "15m", "exp_samples": []}
            for level in ("vllm_late_first_tokens", "vllm_failed_requests")
            for window in ("5m", "3d")
        ],
    }
    assert said_against(promtool, groups(), [test], "1m") == ""


# prometheus_client writes 1.0, Prometheus 3 makes it so of what others write, Go's client writes 1.
@pytest.mark.parametrize(
    ("edge_s", "le"), [(1.0, "1.0"), (1.0, "1"), (10.0, "10.0"), (0.25, "0.25"), (7.5, "7.5")]
)
def test_the_bucket_is_found_however_its_edge_is_written(
    edge_s: float, le: str, promtool: Path
) -> None:
    others = [
        series(f"{FIRST_TOKENS}_bucket", {**POD, "le": other}, counter((1, 10)))
        for other in ("0.1", "100.0", "+Inf")
    ]
    test = {
        "interval": "1m",
        "input_series": [*first_tokens(counter((100, 10)), counter((75, 10)), le), *others],
        "promql_expr_test": [_percent("model:vllm_late_first_tokens:ratio_rate5m", 25)],
    }
    rules = [slo.group(SloThresholds(ttft_s=edge_s))]
    assert said_against(promtool, rules, [test], "1m") == ""


def test_an_objective_under_which_a_page_could_never_fire_is_refused() -> None:
    # 14.4 times the budget is 1 at 0.93055...: more than all requests cannot be bad.
    with pytest.raises(ValidationError, match=r"above 0\.9306 and below 1: .* could never fire"):
        SloThresholds(availability_objective_ratio=0.9305)
    assert SloThresholds(availability_objective_ratio=0.931)
