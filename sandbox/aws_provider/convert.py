"""Between Pulumi's names and values and those of the AWS API.

Names differ mostly in case (`networkCardIndex`, `NetworkCardIndex`); the table names the others.
Types follow the service model in one direction and the SDK's shape in the other: "true" is a
boolean to EC2, a single object is a list of one to EKS, and a map of tags is a list of pairs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.aws_provider.sdk import Shape
from sandbox.aws_provider.templates import OMIT, at_dotted
from sandbox.aws_provider.wire import UNKNOWN

ApiShape = Any
"""botocore.model.Shape and its kinds; botocore ships no types."""

Complain = Callable[[str, str], None]
"""Called with a Pulumi property path and what is wrong there."""


def member_of(shape: ApiShape, name: str, path: str, rename: Mapping[str, str]) -> str | None:
    """The member of an API structure that a Pulumi property is; None where it has none."""
    wanted = rename.get(path, name)
    if "." in wanted:
        wanted = name
    members: Mapping[str, Any] = shape.members
    if wanted in members:
        return wanted
    return next((member for member in members if member.lower() == wanted.lower()), None)


def to_api(
    value: Any,
    shape: ApiShape,
    path: str,
    rename: Mapping[str, str],
    complain: Complain | None = None,
    shown: str | None = None,
) -> Any:
    """A Pulumi value as the API wants it; OMIT for what is not known yet.

    `path` has no indexes (it is looked up in `rename`), `shown` has them. Without `complain` what
    does not fit is passed on, for the validation against the service model to refuse.
    """
    shown = path if shown is None else shown
    if value == UNKNOWN:
        return OMIT
    kind = shape.type_name
    if kind == "structure":
        if isinstance(value, list):
            value = value[0] if value else {}
        if not isinstance(value, Mapping):
            return value
        found = {}
        for name, inner in value.items():
            member = member_of(shape, name, f"{path}.{name}", rename)
            if member is None:
                if complain:
                    complain(f"{shown}.{name}", "is not supported by the sandbox's stand-in")
                continue
            converted = to_api(
                inner,
                shape.members[member],
                f"{path}.{name}",
                rename,
                complain,
                f"{shown}.{name}",
            )
            if converted is not OMIT:
                found[member] = converted
        return found
    if kind == "list":
        if isinstance(value, Mapping) and _is_pair(shape.member):
            return [{"Key": key, "Value": inner} for key, inner in value.items()]
        items = value if isinstance(value, list) else [value]
        converted_items = [
            to_api(item, shape.member, path, rename, complain, f"{shown}[{index}]")
            for index, item in enumerate(items)
        ]
        return [item for item in converted_items if item is not OMIT]
    return _scalar_to_api(value, shape, shown, complain)


def _is_pair(shape: ApiShape) -> bool:
    return shape.type_name == "structure" and set(shape.members) == {"Key", "Value"}


def _scalar_to_api(value: Any, shape: ApiShape, shown: str, complain: Complain | None) -> Any:
    kind = shape.type_name
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    if kind in ("integer", "long") and isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    if kind == "string" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    allowed = getattr(shape, "enum", None) if kind == "string" and complain else None
    if complain and allowed and value not in allowed:
        complain(shown, f"is {value!r}, which AWS does not know; allowed: {listed(allowed)}")
    return value


def listed(allowed: list[str], most: int = 12) -> str:
    """A list of allowed values for a message, cut where it would fill a screen."""
    names = sorted(map(str, allowed))
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def coerce(value: Any, shape: ApiShape) -> Any:
    """API-named parameters with their scalars as the service model wants them."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        return {
            name: coerce(inner, shape.members[name]) if name in shape.members else inner
            for name, inner in value.items()
        }
    if kind == "list" and isinstance(value, list):
        return [coerce(item, shape.member) for item in value]
    if kind in ("structure", "list", "map"):
        return value
    return _scalar_to_api(value, shape, "", None)


def from_api(value: Any, shape: Shape, path: str, rename: Mapping[str, str]) -> Any:
    """An API value as Pulumi shows it, by the SDK's shape; OMIT where there is nothing."""
    if value is None or value is OMIT:
        return OMIT
    if isinstance(value, datetime):
        return timestamp(value)
    if shape.kind == "object":
        if isinstance(value, list):
            value = value[0] if value else None
        if not isinstance(value, Mapping):
            return OMIT
        found = {}
        for name, prop in shape.fields.items():
            inner = live_member(value, name, f"{path}.{name}", rename)
            converted = from_api(inner, prop.shape, f"{path}.{name}", rename)
            if converted is not OMIT:
                found[name] = converted
        return found
    if shape.kind == "list" and shape.item:
        items = value if isinstance(value, list) else [value]
        converted_items = [from_api(item, shape.item, path, rename) for item in items]
        return [item for item in converted_items if item is not OMIT]
    if shape.kind == "map" and isinstance(value, list):
        return {pair["Key"]: pair["Value"] for pair in value}
    return _scalar_from_api(value, shape)


def timestamp(moment: datetime) -> str:
    """A time as pulumi-aws writes it."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _scalar_from_api(value: Any, shape: Shape) -> Any:
    if shape.kind == "string":
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, Mapping | list):
            return json.dumps(value, separators=(",", ":"), sort_keys=True)
        return str(value)
    if shape.kind in ("integer", "number") and isinstance(value, str):
        return int(value) if value.lstrip("-").isdigit() else OMIT
    return value


def live_member(live: Mapping[str, Any], name: str, path: str, rename: Mapping[str, str]) -> Any:
    """The member of a live state that a Pulumi property shows; OMIT where there is none."""
    wanted = rename.get(path, name)
    if "." in wanted:
        return at_dotted(live, wanted)
    if wanted in live:
        return live[wanted]
    found = next((member for member in live if member.lower() == wanted.lower()), None)
    return OMIT if found is None else live[found]
