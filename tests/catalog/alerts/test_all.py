"""What holds of every alert."""

import csv
import re
import subprocess
from pathlib import Path

import pytest

from catalog.alerts import Alert
from components.monitoring import dcgm_collectors
from tests.catalog.alerts import (
    test_cluster,
    test_efa,
    test_gpu,
    test_probe,
    test_slo,
    test_vllm,
)
from tests.catalog.alerts.scene import Scene, alerts, groups, rules_file

SCENES: list[Scene] = [
    scene
    for module in (test_vllm, test_slo, test_probe, test_cluster, test_gpu, test_efa)
    for scene in module.SCENES.values()
]


def test_promtool_accepts_the_rules(promtool: Path, tmp_path: Path) -> None:
    result = subprocess.run(
        [promtool, "check", "rules", "--lint=all", "--lint-fatal", rules_file(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{sum(len(group.rules) for group in groups())} rules found" in result.stdout


def test_every_alert_has_a_scene_in_which_it_fires() -> None:
    assert {scene.alert for scene in SCENES if scene.firing_min is not None} == set(alerts())


def test_every_dcgm_metric_of_a_rule_is_collected() -> None:
    lines = [line for line in dcgm_collectors().splitlines() if not line.startswith("#")]
    collected = {row[0].strip() for row in csv.reader(lines)}
    used = {
        name for alert in alerts().values() for name in re.findall(r"DCGM_\w+", alert.expression)
    }
    assert used
    assert used <= collected


@pytest.mark.parametrize("alert", alerts().values(), ids=alerts().keys())
def test_every_alert_has_a_runbook_page(alert: Alert) -> None:
    page = Path(__file__).parents[3] / "docs" / "runbooks" / f"{alert.page}.md"
    assert page.read_text().startswith(f"# {alert.name}\n")
