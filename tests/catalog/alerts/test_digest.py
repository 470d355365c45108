"""The digest of the alert rules changes with every rule, and with nothing of a stack's own."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from catalog.alerts import digest, rule_groups


def test_it_is_a_digest_and_always_the_same() -> None:
    first = digest.digest()
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", first)
    assert digest.digest() == first


@pytest.mark.parametrize(
    ("field", "value"),
    [("expression", "up == 2"), ("for_", "77m"), ("summary", "other words"), ("severity", "other")],
)
def test_it_changes_with_what_a_rule_says(
    monkeypatch: pytest.MonkeyPatch, field: str, value: object
) -> None:
    before = digest.digest()

    def changed(*given: Any) -> Sequence[Any]:
        first, *rest = rule_groups(*given)
        rule, *others = first.rules
        assert getattr(rule, field) != value
        return [replace(first, rules=(replace(rule, **{field: value}), *others)), *rest]

    monkeypatch.setattr(digest, "rule_groups", changed)
    assert digest.digest() != before


def test_every_group_that_a_stack_can_have_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def noted(*given: Any) -> Sequence[Any]:
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
    assert {each.name for each in rule_groups(bare, digest.Thresholds())} < counted
