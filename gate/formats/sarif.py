"""The report as SARIF 2.1.0, for code scanning.

What GitHub reads of it: docs.github.com, "SARIF support for code scanning".
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from gate.formats.findings import Found, Standing, found, unfinished
from gate.formats.printable import printable
from gate.report import Item, Place, Report
from stacks.reading import stack_file, stack_names

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"

_SECURITY_SEVERITY = {"critical": 9.5, "high": 8.0, "medium": 5.5, "low": 2.0}
"""In the middle of what GitHub calls by these words."""

_LONGEST_RULE_ID = 255
"""Characters, says GitHub."""


def render(report: Report) -> str:
    """One run; results that refuse come first, since GitHub shows the first 5,000."""
    everything = found(report)
    run = {
        "tool": {
            "driver": {
                "name": "moe check",
                "version": printable(report.pack_version),
                "rules": list(_rules([each.item for each in everything])),
            }
        },
        "automationDetails": {"id": "moe-check/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(report)],
        "results": list(_results(everything)),
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rules(items: Sequence[Item]) -> Iterable[dict[str, Any]]:
    by_rule: dict[str, list[Item]] = {}
    for item in items:
        by_rule.setdefault(_rule_id(item.rule), []).append(item)
    for rule, those in by_rule.items():
        first = those[0]
        help_text = printable(first.remediation or "See the message.")
        described: dict[str, Any] = {
            "id": rule,
            "name": rule,
            "shortDescription": {"text": rule},
            "help": {"text": help_text},
            "defaultConfiguration": {"level": _level(first)},
        }
        if re.fullmatch(r"https://[!-~]+", first.url):
            described["helpUri"] = quote(first.url, safe="/:?=&%#+~@!$,;()*'")
        scores = [_SECURITY_SEVERITY.get(each.severity, 0) for each in those]
        if highest := max(scores):
            described["properties"] = {"tags": ["security"], "security-severity": str(highest)}
        yield described


def _results(everything: Sequence[Found]) -> Iterable[dict[str, Any]]:
    seen: Counter[str] = Counter()
    for each in everything:
        item = each.item
        same = _digest(item.rule, item.kind, each.section.name, item.resource, item.urn)
        seen[same] += 1
        result = {
            "ruleId": _rule_id(item.rule),
            "level": _level(item),
            "message": {"text": _message(each)},
            "locations": _locations(each),
            "partialFingerprints": {"primaryLocationLineHash": f"{same}:{seen[same]}"},
        }
        if item.waiver and not item.refuses:
            # Without a status it counts as accepted, also to readers of the drafts' `state`.
            justification = printable(item.waiver.shown())
            result["suppressions"] = [{"kind": "external", "justification": justification}]
        yield result


def _message(each: Found) -> str:
    doubt = "could not be checked: " if each.standing is Standing.NOT_CHECKED else ""
    resource = f"{each.item.resource}: " if each.item.resource else ""
    return printable(f"{each.section.name}: {doubt}{resource}{each.item.message}")


def _level(item: Item) -> str:
    """An error refuses, or would without its waiver."""
    if item.refuses or (item.waiver and item.level != "advisory"):
        return "error"
    return "warning"


def _locations(each: Found) -> list[dict[str, Any]]:
    """In the stack's file where nothing nearer is known; none for what is of no stack.

    GitHub refuses the whole of a report that has a result without one
    (github.com/github/codeql-action/issues/2459): who judges manifests gives each its place.
    """
    item, stack = each.item, each.section.name
    place = item.place
    if place is None and stack in stack_names():
        place = Place(f"stacks/{stack_file(stack).name}")
    if place is None:
        return []
    physical: dict[str, Any] = {
        "artifactLocation": {"uri": quote(printable(place.file)), "uriBaseId": "%SRCROOT%"}
    }
    if place.line is not None and place.line > 0:
        physical["region"] = {"startLine": place.line}
    location: dict[str, Any] = {"physicalLocation": physical}
    if item.resource:
        name = {"name": printable(item.resource), "kind": "resource"}
        location["logicalLocations"] = [
            {**name, "fullyQualifiedName": printable(item.urn)} if item.urn else name
        ]
    return [location]


def _invocation(report: Report) -> dict[str, Any]:
    """Steps that did not finish are no findings of the code."""
    errors = [
        {
            "level": "error",
            "message": {"text": printable(f"{section.name}, {step.name}: {step.summary}")},
        }
        for section, step in unfinished(report)
    ]
    return {"executionSuccessful": not errors, "toolExecutionNotifications": errors}


def _rule_id(rule: str) -> str:
    return printable(rule)[:_LONGEST_RULE_ID]


def _digest(*parts: str) -> str:
    """Without the message: what was found may change while the finding stays."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
