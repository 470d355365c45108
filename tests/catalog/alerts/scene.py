"""Plays a scene to the real promtool, against the rules as they are deployed."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from catalog.alerts import Alert, RuleGroup, Served, Thresholds, rule_groups

RUNBOOK_URL = "https://runbooks.example.com/moe/{alert}"

SERVED = Served(
    namespace="m",
    model_name="mixtral",
    experts=8,
    gpus_per_node=8,
    startup_s=1800,
    spans_nodes=True,
    expert_metrics=True,
)
"""With everything that brings alerts."""


def groups() -> list[RuleGroup]:
    return rule_groups(SERVED, Thresholds())


def alerts() -> dict[str, Alert]:
    return {alert.name: alert for group in groups() for alert in group.alerts}


def rules_file(folder: Path) -> Path:
    path = folder / "rules.yaml"
    # JSON is YAML.
    path.write_text(json.dumps({"groups": [group.as_dict(RUNBOOK_URL) for group in groups()]}))
    return path


def series(name: str, labels: dict[str, str], values: str) -> dict[str, str]:
    """One input series; `values` in promtool's notation, such as `0x10 1+2x5`."""
    selector = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return {"series": f"{name}{{{selector}}}", "values": values}


@dataclass(frozen=True)
class Scene:
    """Series at one-minute steps; minutes at which `alert` is quiet, and one at which it fires.

    `labels` and `description` are those of the firing alert, and all of them.
    """

    alert: str
    input_series: list[dict[str, str]]
    quiet_min: tuple[int, ...]
    firing_min: int | None = None
    labels: dict[str, str] = field(default_factory=dict)
    description: str = ""


def play(scene: Scene, promtool: Path, folder: Path) -> None:
    expectations = [_expectation(scene, minute, firing=False) for minute in scene.quiet_min]
    if scene.firing_min is not None:
        expectations.append(_expectation(scene, scene.firing_min, firing=True))
    test = {
        "interval": "1m",
        "input_series": scene.input_series,
        "alert_rule_test": expectations,
    }
    tests = {
        "rule_files": [str(rules_file(folder))],
        "evaluation_interval": "1m",
        "tests": [test],
    }
    file = folder / "test.yaml"
    file.write_text(json.dumps(tests))
    result = subprocess.run(
        [promtool, "test", "rules", file], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def _expectation(scene: Scene, minute: int, *, firing: bool) -> dict[str, Any]:
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
        "eval_time": f"{minute}m",
        "alertname": scene.alert,
        "exp_alerts": [expected] if firing else [],
    }
