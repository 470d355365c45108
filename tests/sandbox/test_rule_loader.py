"""Which rules a Prometheus gets, as prometheus-operator decides it."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.monitoring.rule_loader import matches, rule_files, selected_rules, write_rule_files

NAMESPACES = {"monitoring": {"team": "ml"}, "elsewhere": {}}
SELECTOR = {"matchLabels": {"release": "kps"}}


def rule(namespace: str, **labels: str) -> dict[str, Any]:
    group = {"name": "g", "rules": [{"alert": "A", "expr": "up == 0", "for": "5m"}]}
    metadata = {"namespace": namespace, "name": "rules", "labels": labels}
    return {"metadata": metadata, "spec": {"groups": [group]}}


LABELLED = [rule("monitoring", release="kps"), rule("elsewhere", release="kps")]


def namespaces_of(spec: dict[str, Any]) -> list[str]:
    prometheus = {"metadata": {"namespace": "monitoring"}, "spec": spec}
    rules = [*LABELLED, rule("monitoring", release="other"), rule("monitoring")]
    found = selected_rules(prometheus, rules, NAMESPACES)
    assert all(each in LABELLED for each in found)
    return [each["metadata"]["namespace"] for each in found]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, []),
        ({"ruleNamespaceSelector": {}}, []),
        ({"ruleSelector": SELECTOR}, ["monitoring"]),
        ({"ruleSelector": SELECTOR, "ruleNamespaceSelector": {}}, ["monitoring", "elsewhere"]),
        (
            {"ruleSelector": SELECTOR, "ruleNamespaceSelector": {"matchLabels": {"team": "ml"}}},
            ["monitoring"],
        ),
    ],
)
def test_rules_are_selected_by_label_and_namespace(
    spec: dict[str, Any], expected: list[str]
) -> None:
    assert namespaces_of(spec) == expected


@pytest.mark.parametrize(
    ("operator", "values", "selected"),
    [
        ("Exists", [], {"a"}),
        ("DoesNotExist", [], {""}),
        ("In", ["a", "b"], {"a"}),
        ("NotIn", ["b"], {"a", ""}),
    ],
)
def test_expressions_of_a_selector(operator: str, values: list[str], selected: set[str]) -> None:
    selector = {"matchExpressions": [{"key": "k", "operator": operator, "values": values}]}
    candidates: list[dict[str, str]] = [{"k": "a"}, {}]
    assert {labels.get("k", "") for labels in candidates if matches(selector, labels)} == selected


def test_files_follow_the_rules(tmp_path: Path) -> None:
    files = rule_files(LABELLED, speed=60)
    assert write_rule_files(tmp_path, files)
    assert not write_rule_files(tmp_path, files)
    written = json.loads((tmp_path / "elsewhere-rules.json").read_text())
    assert written["groups"][0]["rules"][0]["for"] == "5000ms"
    assert write_rule_files(tmp_path, rule_files(LABELLED[:1], speed=1))
    (left,) = tmp_path.iterdir()
    assert json.loads(left.read_text())["groups"] == LABELLED[0]["spec"]["groups"]
