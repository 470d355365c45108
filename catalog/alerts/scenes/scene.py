"""What a scene is, and what promtool is told of it."""

from dataclasses import dataclass, field, replace
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


def unit_test(scene: Scene, alert: Alert, name: str) -> dict[str, Any]:
    """The scene for promtool, which says its name where something comes out otherwise."""
    expectations = [_expectation(scene, alert, minute, firing=False) for minute in scene.quiet_min]
    if scene.firing_min is not None:
        expectations.append(_expectation(scene, alert, scene.firing_min, firing=True))
    return {
        "name": name,
        "interval": f"{scene.step_min}m",
        "input_series": scene.input_series,
        "alert_rule_test": expectations,
    }


def _expectation(scene: Scene, alert: Alert, minute: int, *, firing: bool) -> dict[str, Any]:
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
