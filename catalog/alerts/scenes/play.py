"""Plays scenes to the real promtool, against the rules as they are deployed."""

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from catalog.alerts import RuleGroup
from catalog.alerts.scenes.scene import RUNBOOK_URL, Scene, groups, unit_test

UnitTest = Mapping[str, Any]
"""One scene as promtool reads it."""


def play(scenes: Mapping[str, Scene], promtool: Path, passed: Path | None = None) -> str:
    """What came out otherwise, as promtool says it; empty where all came out as they tell.

    Half a minute of a processor, so what has come out well is noted in folder `passed`, by a digest
    of all that went in, and not played again.
    """

    def said(part: tuple[tuple[str, int], Sequence[UnitTest]]) -> str:
        (name, step_min), tests = part
        rules = [group for group in groups() if group.name == name]
        note = passed / _digest(promtool, rules, tests) if passed else None
        if note and note.exists():
            return ""
        against = said_against(promtool, rules, tests, f"{step_min}m")
        if note and not against:
            note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            note.touch()
        return against

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return "\n".join(filter(None, pool.map(said, by_group(scenes).items())))


def by_group(scenes: Mapping[str, Scene]) -> Mapping[tuple[str, int], Sequence[UnitTest]]:
    """For promtool, by the group of the alert and by the step in minutes.

    The group has all that its alerts read; with all groups it would take three times as long.
    """
    known = {alert.name: (group, alert) for group in groups() for alert in group.alerts}
    found: dict[tuple[str, int], list[UnitTest]] = {}
    for name, scene in scenes.items():
        group, alert = known[scene.alert]
        test = unit_test(scene, alert, name)
        found.setdefault((group.name, scene.step_min), []).append(test)
    return found


def said_against(
    promtool: Path, rules: Sequence[RuleGroup], tests: Sequence[UnitTest], interval: str
) -> str:
    """What `promtool test rules` says where a test fails; empty where none does."""
    with tempfile.TemporaryDirectory(prefix="moe-scenes-") as private:
        file = Path(private) / "test.yaml"
        named = [str(rules_file(Path(private), rules))]
        document = {"rule_files": named, "evaluation_interval": interval, "tests": tests}
        file.write_text(json.dumps(document))
        result = subprocess.run(
            [promtool, "test", "rules", file], capture_output=True, text=True, check=False
        )
    if result.returncode == 0:
        return ""
    return f"{result.stdout}{result.stderr}".strip() or f"promtool ended with {result.returncode}"


def rules_file(folder: Path, rules: Sequence[RuleGroup] | None = None) -> Path:
    """All groups, or `rules`, as a rule file."""
    path = folder / "rules.yaml"
    path.write_text(_text_of(rules or groups()))
    return path


def _text_of(rules: Sequence[RuleGroup]) -> str:
    # JSON is YAML.
    return json.dumps({"groups": [group.as_dict(RUNBOOK_URL) for group in rules]})


def _digest(promtool: Path, rules: Sequence[RuleGroup], tests: Sequence[UnitTest]) -> str:
    program = promtool.stat()
    parts = [str(promtool), program.st_size, program.st_mtime_ns, _text_of(rules), tests]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
