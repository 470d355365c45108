"""Rules of a preview, whoever wrote them, against what is exported."""

from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.rpc import UNKNOWN

from catalog.alerts.scenes.scene import RUNBOOK_URL, groups
from gate.report import Item, Place
from gate.stacks import alert_rules
from policies.finding import Kind
from tests.gate.stacks.recorded import Event, step

TYPE = "kubernetes:monitoring.coreos.com/v1:PrometheusRule"
PLACE = Place("stacks/Pulumi.dev.yaml")
TEXTS = {"summary": "s", "description": "d", "runbook_url": "https://example.com"}
GOOD = {"alert": "Good", "expr": "vllm:kv_cache_usage_perc > 0.9", "annotations": TEXTS}


def declares(spec: Any, operation: str = "create") -> Event:
    return step(operation, TYPE, "mine", old=None, new={"inputs": {"spec": spec}})


def of_rules(*rules: Any) -> Event:
    return declares({"groups": [{"name": "g", "rules": list(rules)}]})


def found(*recorded: Event) -> list[Item]:
    return alert_rules.check(alert_rules.declared(recorded), PLACE)


def test_our_own_rules_pass() -> None:
    spec = {"groups": [group.as_dict(RUNBOOK_URL) for group in groups()]}
    declared = alert_rules.declared([declares(spec, "same")])
    assert sum(1 for _ in declared[0].rules) == sum(len(group.rules) for group in groups())
    assert alert_rules.check(declared, PLACE) == []


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({**GOOD, "expr": "vllm:kv_cache_usage_perc > 90"}, "90"),
        ({**GOOD, "expr": "vllm:gpu_cache_usage_perc > 0.9"}, "vllm:gpu_cache_usage_perc"),
        ({**GOOD, "expr": "rate(vllm:"}, "does not parse"),
        ({**GOOD, "annotations": {"summary": "s"}}, "has no description, runbook_url"),
        ({**GOOD, "annotations": None}, "has no summary"),
        ({"record": "a: b:c", "expr": "no_such_metric"}, "no_such_metric"),
    ],
)
def test_a_rule_that_says_nothing_refuses(rule: dict[str, Any], says: str) -> None:
    (item,) = found(of_rules(rule))
    assert says in item.message
    assert item.refuses
    assert item.resource == "mine"
    assert item.rule == rule.get("alert", rule.get("record"))


@pytest.mark.parametrize(
    "spec",
    [
        UNKNOWN,
        {"groups": UNKNOWN},
        {"groups": ["text"]},
        {"groups": [{"rules": UNKNOWN}]},
        {"groups": [{"rules": [7]}]},
        {"groups": [{"rules": [{**GOOD, "expr": UNKNOWN}]}]},
        {"groups": [{"rules": [{**GOOD, "labels": UNKNOWN}]}]},
    ],
)
def test_rules_that_cannot_be_read_refuse(spec: Any) -> None:
    (item,) = found(declares(spec))
    assert item.kind == Kind.COULD_NOT_CHECK
    assert item.refuses


def test_rules_that_go_away_are_not_judged() -> None:
    gone = step("delete", TYPE, "mine", old={"inputs": {"spec": {}}}, new=None)
    assert found(gone) == []


def test_promtool_refuses_what_prometheus_would_not_load(promtool: Path) -> None:
    good = alert_rules.declared([of_rules(GOOD)])
    assert alert_rules.refused_by(promtool, good, PLACE) == []
    bad = alert_rules.declared([of_rules({**GOOD, "for": "soon"})])
    (item,) = alert_rules.refused_by(promtool, bad, PLACE)
    assert item.refuses
    assert "soon" in item.message


def test_a_promtool_that_is_killed_has_accepted_nothing(tmp_path: Path) -> None:
    killed = tmp_path / "promtool"
    killed.write_text("#!/bin/sh\nkill -9 $$\n")
    killed.chmod(0o700)
    (item,) = alert_rules.refused_by(killed, [alert_rules.Rules("urn", [])], PLACE)
    assert "promtool ended with -9" in item.message
