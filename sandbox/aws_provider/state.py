"""Bringing together what a program asked for and what the API answers.

After `up`, inputs and live state say the same in different words (the order of a set, the text of a
JSON document, an ARN where the API gives an id). Whatever says the same keeps the program's words,
so that a refresh shows only what really changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.aws_provider.sdk import Shape
from sandbox.aws_provider.templates import same_json
from sandbox.aws_provider.wire import Properties


def agree(given: Any, live: Any) -> bool:
    """Whether the live value says what was given, perhaps with more members than were given."""
    if given == live:
        return True
    if isinstance(given, Mapping) and isinstance(live, Mapping):
        return all(name not in live or agree(value, live[name]) for name, value in given.items())
    if isinstance(given, list) and isinstance(live, list):
        return len(given) == len(live) and _pairing(given, live) is not None
    if isinstance(given, str) and isinstance(live, str):
        # KMS and IAM take an ARN and answer an id.
        return given.endswith(f"/{live}") or (given[:1] in "{[" and same_json(given, live))
    return False


def _pairing(given: list[Any], live: list[Any]) -> list[int] | None:
    """For each given item the index of a live one that agrees, each once; None if one lacks."""
    free = list(range(len(live)))
    found = []
    for item in given:
        match = next((index for index in free if agree(item, live[index])), None)
        if match is None:
            return None
        free.remove(match)
        found.append(match)
    return found


def projected(given: Any, live: Any, shape: Shape) -> Any:
    """The given inputs as they are now: in the given words where these still hold.

    Members that were not given stay out, except in maps (labels), where each entry counts.
    """
    if shape.kind != "map" and agree(given, live):
        return given
    if shape.kind == "object" and isinstance(given, Mapping) and isinstance(live, Mapping):
        return {
            name: projected(value, live[name], shape.fields[name].shape)
            if name in live and name in shape.fields
            else value
            for name, value in given.items()
        }
    if shape.kind == "list" and isinstance(given, list) and isinstance(live, list) and shape.item:
        if len(given) == len(live):
            pairs = zip(given, live, strict=True)
            return [projected(one, other, shape.item) for one, other in pairs]
        return [next((one for one in given if agree(one, other)), other) for other in live]
    return live


def completed(given: Any, live: Any) -> Any:
    """The output for an input: what was given, plus the members that the API added."""
    if isinstance(given, Mapping) and isinstance(live, Mapping):
        added = {name: value for name, value in live.items() if name not in given}
        same = {
            name: completed(value, live[name]) if name in live else value
            for name, value in given.items()
        }
        return {**added, **same}
    if isinstance(given, list) and isinstance(live, list):
        pairing = _pairing(given, live)
        if pairing is not None and len(given) == len(live):
            return [
                completed(item, live[match]) for item, match in zip(given, pairing, strict=True)
            ]
        return live
    return given if agree(given, live) else live


def without_empty(properties: Mapping[str, Any]) -> Properties:
    """Without properties that say nothing: an import should not ask for them."""
    return {name: value for name, value in properties.items() if value not in (None, "", [], {})}


def zero(shape: Shape) -> Any:
    """What an output that AWS leaves empty is to pulumi-aws; None where it is simply not there."""
    zeros: dict[str, Any] = {"string": "", "integer": 0, "number": 0, "boolean": False, "list": []}
    return {} if shape.kind == "map" else zeros.get(shape.kind)
