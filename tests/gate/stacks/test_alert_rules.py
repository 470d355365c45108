"""Rules of a preview, whoever wrote them, against what is exported."""

from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.rpc import UNKNOWN
from pulumi_policy.deserialize import SPECIAL_SECRET_SIG, SPECIAL_SIG_KEY

from catalog.alerts.scenes.scene import RUNBOOK_URL, groups
from gate.report import Item, Place
from gate.stacks import alert_rules
from policies.finding import Kind
from tests.gate.stacks.recorded import Event, step

TYPE = "kubernetes:monitoring.coreos.com/v1:PrometheusRule"
PLACE = Place("stacks/Pulumi.dev.yaml")
TEXTS = {"summary": "s", "description": "d", "runbook_url": "https://example.com"}
SECRET = {SPECIAL_SIG_KEY: SPECIAL_SECRET_SIG, "ciphertext": "v1:abc"}
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
        SECRET,
        {"groups": SECRET},
        {"groups": [SECRET]},
        {"groups": [{"name": SECRET, "rules": [GOOD]}]},
        {"groups": [{"rules": SECRET}]},
        {"groups": [{"rules": [SECRET]}]},
        {"groups": [{"rules": [{**GOOD, "alert": SECRET}]}]},
        {"groups": [{"rules": [{**GOOD, "labels": SECRET}]}]},
        {"groups": [{"rules": [{**GOOD, "labels": {"severity": SECRET}}]}]},
    ],
)
def test_rules_that_cannot_be_read_refuse(spec: Any) -> None:
    (item,) = found(declares(spec))
    assert item.kind == Kind.COULD_NOT_CHECK
    assert item.refuses
    (deployed,) = alert_rules.deployed([resource(spec)])
    assert deployed.groups is None


def resource(spec: Any, **said: Any) -> dict[str, Any]:
    """As a state has it."""
    return {
        "type": TYPE,
        "urn": f"urn:pulumi:s::p::{TYPE}::mine",
        "outputs": {"spec": spec},
        **said,
    }


def test_what_is_deployed_is_what_the_cluster_answered() -> None:
    group = {"name": "g", "rules": [{**GOOD, "annotations": {**TEXTS, "runbook_url": SECRET}}]}
    other: dict[str, Any] = {"spec": {"groups": []}}
    (found,) = alert_rules.deployed([resource({"groups": [group]}, inputs=other)])
    assert found.urn.endswith("::mine")
    assert found.groups == [group]


@pytest.mark.parametrize(
    "said", [{"external": True}, {"delete": True}, {"type": "kubernetes:core/v1:ConfigMap"}]
)
def test_what_is_not_the_stacks_own_is_not_deployed(said: dict[str, Any]) -> None:
    assert alert_rules.deployed([resource({"groups": []}, **said)]) == []


def test_a_resource_without_an_answer_cannot_be_read() -> None:
    (found,) = alert_rules.deployed([resource(None, outputs=None)])
    assert found.groups is None


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
