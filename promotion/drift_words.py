"""Drift as a person reads it: one line a property, long values cut to where they differ."""

import json
from collections.abc import Iterator
from typing import Any

from gate.formats.printable import printable
from promotion.drift import Drift, PropertyDrift, ResourceDrift
from promotion.property_path import ABSENT

WIDTH = 60
"""Longest text of a value."""
_BEFORE = 20
_CUT = "…"


def kind_of(resource: ResourceDrift) -> str:
    """Its type as a person says it: `aws:eks/nodeGroup:NodeGroup` is a NodeGroup."""
    return resource.type.rsplit(":", 1)[-1]


def shortened(change: PropertyDrift) -> tuple[str, str]:
    """What was recorded and what is, each at most WIDTH long.

    Of texts that begin alike (digests, templates) the place is shown where they part.
    """
    recorded, now = _text(change.recorded), _text(change.now)
    pairs = zip(recorded, now, strict=False)
    shorter = min(len(recorded), len(now))
    same = next((at for at, (old, new) in enumerate(pairs) if old != new), shorter)
    begin = max(0, same - _BEFORE) if max(len(recorded), len(now)) > WIDTH else 0
    return _cut(recorded, begin), _cut(now, begin)


def lines(drift: Drift) -> Iterator[str]:
    """One for each property, or for a resource that is gone or whose difference nobody names."""
    for resource in drift.changes:
        subject = f"{kind_of(resource)} {resource.name}"
        if resource.is_gone:
            yield f"{subject}: is gone"
        elif not resource.properties:
            yield f"{subject}: {resource.operation}, and the provider names no property"
        for change in resource.properties:
            recorded, now = shortened(change)
            yield f"{subject}: {change.path} is {now}, recorded is {recorded}"


def _text(value: Any) -> str:
    if value is ABSENT:
        return "(none)"
    # What stands in a cluster may be meant for a terminal.
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _cut(text: str, begin: int) -> str:
    # One that ends before the place is wholly the beginning of the other.
    begin = min(begin, max(0, len(text) - _BEFORE))
    head = _CUT if begin else ""
    rest = text[begin:]
    room = WIDTH - len(head)
    return head + (rest if len(rest) <= room else rest[: room - len(_CUT)] + _CUT)
