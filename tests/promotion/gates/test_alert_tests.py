"""The gate that has a release play its scenes. The real promtool: tests/catalog/alerts."""

from pathlib import Path

import pytest

from durable.places import PACKAGE_ROOT
from promotion.gate import GateResult, Outcome
from promotion.gates.alert_tests import GATE, judge


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOE_CACHE_DIR", str(tmp_path / "cache"))


def promtool(folder: Path, script: str) -> Path:
    """One that notes how often it was asked."""
    path = folder / "promtool"
    path.write_text(f"#!/bin/sh\necho >> {folder}/asked\n{script}\n")
    path.chmod(0o700)
    return path


def asked(folder: Path) -> int:
    return len((folder / "asked").read_text().splitlines())


def judged(program: Path, tool: Path | None) -> GateResult:
    result = judge(program, tool)
    assert result.gate == GATE
    assert bool(result.remedy) == result.refuses
    return result


def test_what_has_passed_is_not_played_again(tmp_path: Path) -> None:
    tool = promtool(tmp_path, "exit 0")
    first = judged(PACKAGE_ROOT, tool)
    assert first.outcome == Outcome.PASSED
    assert "alerts fires, and is quiet, when it should" in first.evidence
    once = asked(tmp_path)
    assert once > 1
    assert judged(PACKAGE_ROOT, tool) == first
    assert asked(tmp_path) == once
    other = promtool(tmp_path, "exit 0 # another version")
    assert judged(PACKAGE_ROOT, other).outcome == Outcome.PASSED
    assert asked(tmp_path) == 2 * once


def test_an_alert_that_does_otherwise_refuses_and_is_played_again(tmp_path: Path) -> None:
    tool = promtool(tmp_path, "echo 'FAILED: alertname: GPULost, time: 6m'; exit 1")
    for times in (1, 2):
        result = judged(PACKAGE_ROOT, tool)
        assert result.outcome == Outcome.FAILED
        assert "alertname: GPULost" in result.details[0]
        assert asked(tmp_path) == times * len(result.details)


def test_without_promtool_nobody_knows() -> None:
    result = judged(PACKAGE_ROOT, None)
    assert result.outcome == Outcome.COULD_NOT_CHECK
    assert "--promtool" in result.remedy


def test_a_program_without_scenes_is_told_apart(tmp_path: Path) -> None:
    result = judged(tmp_path, promtool(tmp_path, "exit 0"))
    assert result.outcome == Outcome.COULD_NOT_CHECK
    assert "no scenes" in result.evidence


@pytest.mark.parametrize("code", ["import nothing_of_that_name", "raise SystemExit(3)"])
def test_scenes_that_cannot_be_played_are_no_failure_of_an_alert(tmp_path: Path, code: str) -> None:
    scenes = tmp_path / "catalog" / "alerts" / "scenes"
    scenes.mkdir(parents=True)
    for folder in (scenes, *list(scenes.parents)[:2]):
        (folder / "__init__.py").touch()
    (scenes / "__main__.py").write_text(code)
    result = judged(tmp_path, promtool(tmp_path, "exit 0"))
    assert result.outcome == Outcome.COULD_NOT_CHECK
    assert "could not be played" in result.evidence
