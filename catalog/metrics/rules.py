"""What is wrong with the rules: with their expressions, and with what their texts name."""

import re
from collections.abc import Iterable

from catalog.alerts import Alert, Recording, RuleGroup
from catalog.metrics.contract import read
from catalog.metrics.exported import exported
from catalog.metrics.series import Series, named


def rule_problems(groups: Iterable[RuleGroup]) -> list[str]:
    """Problems of every rule, each with the rule's name before it."""
    groups = list(groups)
    known, found = recorded(groups)
    for alert in (alert for group in groups for alert in group.alerts):
        series, problems = read(alert.expression, known)
        found += [f"{alert.name}: {problem}" for problem in (*problems, *_text(alert, series))]
    return found


def recorded(groups: Iterable[RuleGroup]) -> tuple[dict[str, Series], list[str]]:
    """All series that there are, with those that rules record; and the problems of these rules."""
    known, found = named(exported().values()), []
    for rule in (rule for group in groups for rule in group.rules if isinstance(rule, Recording)):
        series, problems = read(rule.expression, known)
        found += [f"{rule.name}: {problem}" for problem in problems]
        known[rule.name] = series or Series(frozenset())
    return known, found


def _text(alert: Alert, series: Series | None) -> list[str]:
    """A label that the series has not is written as nothing at all."""
    named_labels = set(re.findall(r"\$labels\.(\w+)", alert.description))
    labels = series.labels if series is not None else frozenset()
    missing = sorted(named_labels - labels) if "*" not in labels else []
    return [f"the description names label {label}, which the alert has not" for label in missing]
