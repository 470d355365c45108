"""The alert rules that a stack declares: do they say what they seem to?

Every PrometheusRule of the preview, whoever wrote it, is held against what is exported
(`catalog/metrics/rules.py`) and, where there is a promtool, loaded by it.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pulumi.runtime.rpc import UNKNOWN
from pulumi_policy.deserialize import SPECIAL_SIG_KEY

from catalog.alerts import Alert, Recording, RuleGroup
from catalog.metrics.rules import rule_problems
from gate.report import Item, Place
from gate.stacks.events import Event, steps
from policies.finding import Kind, resource_of

_KIND = ":PrometheusRule"
_WANTED = ("summary", "description", "runbook_url")

Group = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rules:
    """One PrometheusRule; its groups as it declares them, None where they cannot be read."""

    urn: str
    groups: Sequence[Group] | None

    @property
    def rules(self) -> Iterator[Mapping[str, Any]]:
        for group in self.groups or ():
            yield from group.get("rules") or ()


def declared(events: Iterable[Event]) -> list[Rules]:
    """Those that a preview declares; one that stays as it is too."""
    found = {}
    for metadata in steps(events):
        inputs = (metadata.get("new") or {}).get("inputs")
        if metadata["type"].endswith(_KIND) and inputs:
            found[metadata["urn"]] = Rules(metadata["urn"], _groups(inputs))
    return list(found.values())


def deployed(resources: Iterable[Mapping[str, Any]]) -> list[Rules]:
    """Those of a state (`pulumi stack export`), as the cluster answered when they were written.

    Without what is not the stack's own, and what an `up` has replaced and not deleted yet.
    """
    return [
        Rules(each["urn"], _groups(each.get("outputs") or {}))
        for each in resources
        if each["type"].endswith(_KIND) and not each.get("external") and not each.get("delete")
    ]


def _groups(properties: Mapping[str, Any]) -> Sequence[Group] | None:
    """None where a part that is needed is secret or unknown, or nothing that Prometheus reads."""
    spec = properties.get("spec")
    if not isinstance(spec, Mapping) or _is_marked(spec):
        return None
    groups = spec.get("groups", [])
    return groups if isinstance(groups, list) and all(map(_is_readable, groups)) else None


def _is_readable(group: object) -> bool:
    if not isinstance(group, Mapping) or _is_marked(group) or _is_marked(group.get("name")):
        return False
    rules = group.get("rules") or []
    return isinstance(rules, list) and all(map(_is_readable_rule, rules))


def _is_readable_rule(rule: object) -> bool:
    texts = (dict, type(None))
    if not isinstance(rule, Mapping):
        return False
    labels = rule.get("labels")
    return (
        isinstance(rule.get("expr"), str)
        and rule["expr"] != UNKNOWN
        and isinstance(labels, texts)
        and isinstance(rule.get("annotations"), texts)
        and not any(map(_is_marked, (rule.get("alert"), labels, *(labels or {}).values())))
    )


def _is_marked(value: object) -> bool:
    """A secret, as the engine writes it: it looks like a map of the resource's own."""
    return isinstance(value, Mapping) and SPECIAL_SIG_KEY in value


def check(declarations: Sequence[Rules], place: Place) -> list[Item]:
    """What is wrong with them, by what is exported; `place` is the stack's file."""
    owners = {_name(rule): each.urn for each in declarations for rule in each.rules}
    found = []
    # All together: a rule may read what another PrometheusRule records.
    groups = [_read(group) for each in declarations for group in each.groups or ()]
    for problem in rule_problems(groups):
        name = next((name for name in owners if problem.startswith(f"{name}: ")), "")
        found.append(_item(owners.get(name, ""), name, problem, place))
    for each in declarations:
        if each.groups is None:
            words = "what its rules say: a part is not known before the deployment, or is no rule"
            unread = _item(each.urn, "alert-rules", words, place)
            found.append(replace(unread, kind=Kind.COULD_NOT_CHECK.value))
            continue
        for rule in each.rules:
            if missing := _missing(rule):
                words = f"{_name(rule)}: has no {', '.join(missing)}"
                found.append(_item(each.urn, _name(rule), words, place))
    return found


def refused_by(promtool: Path, declarations: Sequence[Rules], place: Place) -> list[Item]:
    """What Prometheus would not load."""
    return [
        _item(each.urn, "promtool", refused, place)
        for each in declarations
        if each.groups is not None and (refused := _said_by(promtool, each.groups))
    ]


def _name(rule: Mapping[str, Any]) -> str:
    return str(rule.get("alert") or rule.get("record") or "a rule")


def _read(group: Group) -> RuleGroup:
    return RuleGroup(str(group.get("name")), tuple(map(_rule, group.get("rules") or ())))


def _rule(rule: Mapping[str, Any]) -> Alert | Recording:
    expression = str(rule.get("expr", ""))
    if "alert" not in rule:
        return Recording(_name(rule), expression)
    labels, texts = rule.get("labels") or {}, rule.get("annotations") or {}
    return Alert(
        _name(rule),
        expression,
        str(rule.get("for", "0s")),
        labels.get("severity", "info"),
        str(texts.get("summary", "")),
        str(texts.get("description", "")),
    )


def _missing(rule: Mapping[str, Any]) -> list[str]:
    if "alert" not in rule:
        return []
    return [key for key in _WANTED if not (rule.get("annotations") or {}).get(key)]


def _item(urn: str, rule: str, message: str, place: Place) -> Item:
    return Item(
        rule=rule,
        kind=Kind.VIOLATION.value,
        level="mandatory",
        severity="high",
        resource=resource_of(urn),
        urn=urn,
        message=message,
        refuses=True,
        remediation="docs/how-to/alerts.md; what is exported: docs/reference/metrics.md",
        place=place,
    )


def _said_by(promtool: Path, groups: Sequence[Group]) -> str:
    """What `promtool check rules` says against them; empty where it takes them."""
    with tempfile.TemporaryDirectory(prefix="moe-check-") as folder:
        file = Path(folder) / "rules.yaml"
        # JSON is YAML.
        file.write_text(json.dumps({"groups": groups}))
        result = subprocess.run(
            [promtool, "check", "rules", file], capture_output=True, text=True, check=False
        )
        if result.returncode == 0:
            return ""
        said = result.stderr.replace(str(file), "rules").strip()
        return said or f"promtool ended with {result.returncode}, and said nothing"
