"""Plays a scene to the real promtool, against the rules as they are deployed."""

import json
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from catalog.alerts import Alert, RuleGroup, Thresholds, rule_groups
from catalog.alerts.runbooks import EXAMPLE

RUNBOOK_URL = "https://runbooks.example.com/moe/{alert}"

SERVED = replace(EXAMPLE, namespace="m", model_name="mixtral")
"""With everything that brings alerts."""


def groups() -> list[RuleGroup]:
    return rule_groups(SERVED, Thresholds())


def alerts() -> dict[str, Alert]:
    return {alert.name: alert for group in groups() for alert in group.alerts}


def rules_file(folder: Path, rules: list[RuleGroup] | None = None) -> Path:
    """All groups, or `rules`, as a rule file."""
    path = folder / "rules.yaml"
    # JSON is YAML.
    content = {"groups": [group.as_dict(RUNBOOK_URL) for group in rules or groups()]}
    path.write_text(json.dumps(content))
    return path


def series(name: str, labels: dict[str, str], values: str) -> dict[str, str]:
    """One input series; `values` in promtool's notation, such as `0x10 1+2x5`."""
    selector = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return {"series": f"{name}{{{selector}}}", "values": values}


def counter(*legs: tuple[float, int]) -> str:
    """Values of a counter from 0 on: in each leg it grows by so much at each of so many steps."""
    value, parts = 0.0, ["0"]
    for growth, steps in legs:
        parts.append(f"{value + growth:g}+{growth:g}x{steps - 1}")
        value += growth * steps
    return " ".join(parts)


@dataclass(frozen=True)
class Scene:
    """Series at steps of `step_min`; minutes at which `alert` is quiet, and one at which it fires.

    Rules are evaluated at every step. `labels` and `description` are those of the firing alert,
    and all of them.
    """

    alert: str
    input_series: list[dict[str, str]]
    quiet_min: tuple[int, ...]
    firing_min: int | None = None
    labels: dict[str, str] = field(default_factory=dict)
    description: str = ""
    step_min: int = 1


def play(scene: Scene, promtool: Path, folder: Path) -> None:
    run_promtool(promtool, rules_file(folder), [unit_test(scene)], f"{scene.step_min}m")


def run_promtool(promtool: Path, rules: Path, tests: list[dict[str, Any]], interval: str) -> None:
    file = rules.with_name("test.yaml")
    document = {"rule_files": [str(rules)], "evaluation_interval": interval, "tests": tests}
    file.write_text(json.dumps(document))
    result = subprocess.run(
        [promtool, "test", "rules", file], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def unit_test(scene: Scene, unit: str = "m") -> dict[str, Any]:
    """The scene for promtool; `unit` is what a minute of it takes, a minute or a second."""
    expectations = [_expectation(scene, minute, unit, firing=False) for minute in scene.quiet_min]
    if scene.firing_min is not None:
        expectations.append(_expectation(scene, scene.firing_min, unit, firing=True))
    return {
        "interval": f"{scene.step_min}{unit}",
        "input_series": scene.input_series,
        "alert_rule_test": expectations,
    }


def _expectation(scene: Scene, minute: int, unit: str, *, firing: bool) -> dict[str, Any]:
    alert = alerts()[scene.alert]
    expected = {
        "exp_labels": {**scene.labels, "severity": alert.severity},
        "exp_annotations": {
            "summary": alert.summary,
            "description": scene.description,
            "runbook_url": RUNBOOK_URL.format(alert=alert.page),
        },
    }
    return {
        "eval_time": f"{minute}{unit}",
        "alertname": scene.alert,
        "exp_alerts": [expected] if firing else [],
    }
