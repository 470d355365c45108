"""What holds of every alert."""

import subprocess
from pathlib import Path

import pytest

from catalog.alerts import Alert
from tests.catalog.alerts import (
    test_cluster,
    test_efa,
    test_experts,
    test_gpu,
    test_probe,
    test_slo,
    test_vllm,
)
from tests.catalog.alerts.scene import Scene, alerts, groups, rules_file

SCENES: list[Scene] = [
    scene
    for module in (
        *(test_vllm, test_slo, test_probe, test_cluster),
        *(test_gpu, test_efa, test_experts),
    )
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


@pytest.mark.parametrize("alert", alerts().values(), ids=alerts().keys())
def test_every_alert_has_a_runbook_page(alert: Alert) -> None:
    page = Path(__file__).parents[3] / "docs" / "runbooks" / f"{alert.page}.md"
    assert page.read_text().startswith(f"# {alert.name}\n")
