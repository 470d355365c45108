"""Rules on a faster clock: the same but for time, and the same alerts at the same moments."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from catalog.alerts.scenes import SCENES
from catalog.alerts.scenes.play import by_group
from catalog.alerts.scenes.scene import RUNBOOK_URL, groups
from sandbox.monitoring.compressed_time import (
    ClockError,
    compressed_duration,
    compressed_expression,
    compressed_groups,
)

SPEED = 60
TIMES = {"interval", "evaluation_interval", "eval_time"}
"""Keys of durations in a test of promtool's."""


@pytest.mark.parametrize(
    ("duration", "shorter"),
    [("5m", "5000ms"), ("1h30m", "90000ms"), ("30s", "500ms"), ("3d", "4320000ms"), ("0s", "0ms")],
)
def test_a_duration_is_divided(duration: str, shorter: str) -> None:
    assert compressed_duration(duration, SPEED) == shorter


@pytest.mark.parametrize(
    ("expression", "compressed"),
    [
        ("rate(a[5m]) > 5", "(rate(a[5000ms]) / 60) > 5"),
        ("sum by (rate) (irate(a:b[1m]))", "sum by (rate) ((irate(a:b[1000ms]) / 60))"),
        ("increase(a[1h]) > 3600", "increase(a[60000ms]) > 3600"),
        ("a offset 5m - b offset -1m", "a offset 5000ms - b offset -1000ms"),
        ("max_over_time(a[1h:5m])", "max_over_time(a[60000ms:5000ms])"),
        ("a[300]", "a[5000ms]"),
        ("time() - b > 1800", "(time() * 60) - b > 1800"),
        (
            'rate(a{le="5m",rate!~"[5m]"}[5m] offset 5m)',
            '(rate(a{le="5m",rate!~"[5m]"}[5000ms] offset 5000ms) / 60)',
        ),
        ("rate(rate(a[1m])[5m:1m])", "(rate((rate(a[1000ms]) / 60)[5000ms:1000ms]) / 60)"),
        ("a > 5m # [5m]", "a > 5m # [5m]"),
        ("b_offset + rate_5m > 1e3", "b_offset + rate_5m > 1e3"),
    ],
)
def test_only_time_changes_in_an_expression(expression: str, compressed: str) -> None:
    assert compressed_expression(expression, SPEED) == compressed


@pytest.mark.parametrize("expression", ["hour() > 5", "timestamp(a)", "a @ 1600000000"])
def test_what_has_no_meaning_on_a_faster_clock_is_refused(expression: str) -> None:
    with pytest.raises(ClockError):
        compressed_expression(expression, SPEED)


def test_every_alert_fires_and_rests_at_the_same_moments(promtool: Path, tmp_path: Path) -> None:
    """What promtool accepts of each alert's scene, with rules and all times on a faster clock."""
    files = []
    for (name, step_min), tests in by_group(SCENES).items():
        rules, test = (
            tmp_path / f"{name}-{step_min}.yaml",
            tmp_path / f"{name}-{step_min}-test.yaml",
        )
        as_deployed = [each.as_dict(RUNBOOK_URL) for each in groups() if each.name == name]
        rules.write_text(json.dumps({"groups": compressed_groups(as_deployed, SPEED)}))
        document = {"evaluation_interval": f"{step_min}m", "tests": tests}
        test.write_text(json.dumps({"rule_files": [str(rules)], **compressed_times(document)}))
        files.append(test)
    assert files
    result = subprocess.run(
        [promtool, "test", "rules", *files], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def compressed_times(part: Any) -> Any:
    if isinstance(part, list):
        return [compressed_times(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        key: compressed_duration(value, SPEED) if key in TIMES else compressed_times(value)
        for key, value in part.items()
    }
