"""What holds of every alert, played to the real promtool."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from catalog.alerts import Alert
from catalog.alerts.scenes import SCENES
from catalog.alerts.scenes.play import play, rules_file
from catalog.alerts.scenes.scene import alerts, groups
from durable.places import PACKAGE_ROOT


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """As a promotion does it."""
    return subprocess.run(
        [sys.executable, "-m", "catalog.alerts.scenes", *arguments],
        cwd=PACKAGE_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_scene_comes_out(promtool: Path) -> None:
    result = run(promtool)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.startswith(f"{len(SCENES)} scenes: each of {len(alerts())} alerts fires")


def test_what_comes_out_otherwise_is_named(promtool: Path) -> None:
    name, scene = next(each for each in SCENES.items() if each[1].firing_min is not None)
    calm = {each: other for each, other in SCENES.items() if other.alert == "GPULost"}
    said = play({**calm, name: replace(scene, firing_min=0)}, promtool)
    assert name in said
    assert not any(each in said for each in calm)


def test_a_promtool_that_fails_is_no_success(tmp_path: Path) -> None:
    broken = tmp_path / "promtool"
    broken.write_text("#!/bin/sh\nexit 7\n")
    broken.chmod(0o700)
    result = run(broken)
    assert result.returncode == 1
    assert "promtool ended with 7" in result.stderr


def test_every_alert_has_a_scene_in_which_it_fires() -> None:
    firing = {scene.alert for scene in SCENES.values() if scene.firing_min is not None}
    assert firing == set(alerts())


def test_promtool_accepts_the_rules(promtool: Path, tmp_path: Path) -> None:
    result = subprocess.run(
        [promtool, "check", "rules", "--lint=all", "--lint-fatal", rules_file(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{sum(len(group.rules) for group in groups())} rules found" in result.stdout


@pytest.mark.parametrize(("name", "alert"), alerts().items(), ids=alerts().keys())
def test_every_alert_has_a_runbook_page(name: str, alert: Alert) -> None:
    page = PACKAGE_ROOT / "docs" / "runbooks" / f"{alert.page}.md"
    assert page.read_text().startswith(f"# {name}\n")
