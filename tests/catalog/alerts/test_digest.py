"""The digest of the alert rules changes with every rule, and with nothing of a stack's own."""

import re
from dataclasses import replace
from typing import Any

import pytest

from catalog.alerts import Thresholds, digest, rule_groups
from catalog.alerts.rule import RuleGroup


def test_it_is_a_digest_and_always_the_same() -> None:
    first = digest.digest()
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", first)
    assert digest.digest() == first


@pytest.mark.parametrize(
    ("field", "value"),
    [("expression", "up == 2"), ("for_", "77m"), ("summary", "other words"), ("severity", "other")],
)
def test_it_changes_with_what_a_rule_says(
    monkeypatch: pytest.MonkeyPatch, field: str, value: Any
) -> None:
    before = digest.digest()

    def changed(*given: Any) -> list[RuleGroup]:
        first, *rest = rule_groups(*given)
        rule: Any = first.alerts[0]
        assert getattr(rule, field) != value
        other = replace(rule, **{field: value})
        rules = tuple(other if each is rule else each for each in first.rules)
        return [replace(first, rules=rules), *rest]

    monkeypatch.setattr(digest, "rule_groups", changed)
    assert digest.digest() != before


def test_every_group_that_a_stack_can_have_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def noted(*given: Any) -> list[RuleGroup]:
        groups = rule_groups(*given)
        seen.extend(groups)
        return groups

    monkeypatch.setattr(digest, "rule_groups", noted)
    digest.digest()
    counted = {each.name for each in seen}
    bare = replace(
        digest._EVERY_GROUP,
        engine_has_metrics=False,
        queue_is_limited=False,
        spans_nodes=False,
        expert_metrics=False,
    )
    assert {each.name for each in rule_groups(bare, Thresholds())} < counted
