"""Alerts and recordings from tokens per expert; the model of the scenes has eight experts."""

from pathlib import Path

from catalog.alerts import experts
from catalog.alerts.scenes.experts import layer
from catalog.alerts.scenes.play import said_against
from catalog.alerts.scenes.scene import groups


def test_recordings_say_what_they_are_named(promtool: Path) -> None:
    """One expert with half of all tokens, and seven that share the rest evenly."""
    # Half and seven fourteenths: mean 1/8 over maximum 1/2; 1 / (1/4 + 7/196).
    expected = {
        experts.SHARE + '{expert="0",layer="3",model_name="mixtral",namespace="m"}': 0.5,
        experts.SHARE + '{expert="1",layer="3",model_name="mixtral",namespace="m"}': 1 / 14,
        experts.LAYER_TOKENS + '{layer="3",model_name="mixtral",namespace="m"}': 1400.0,
        experts.BALANCEDNESS + '{layer="3",model_name="mixtral",namespace="m"}': 0.25,
        experts.EFFECTIVE_EXPERTS + '{layer="3",model_name="mixtral",namespace="m"}': 3.5,
    }
    checks = [
        {
            "expr": f"round({labelled}, 0.0001)",
            "eval_time": "30m",
            "exp_samples": [
                {"labels": labelled[labelled.index("{") :], "value": round(value, 4)},
            ],
        }
        for labelled, value in expected.items()
    ]
    test = {
        "interval": "1m",
        "input_series": layer("0+42000x30"),
        "promql_expr_test": checks,
    }
    assert said_against(promtool, groups(), [test], "1m") == ""


def test_a_recorded_series_carries_no_pod() -> None:
    """Else a fleet of engines multiplies them."""
    for recording in experts.recordings():
        assert "pod" not in recording.expression
