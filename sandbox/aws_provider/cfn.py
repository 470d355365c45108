"""What CloudFormation's resource schemas (as cfn-lint ships them) say about a Pulumi property.

They tell which properties only a new resource can have (createOnlyProperties), and which values
are allowed. Names are matched without regard to case; the table names the others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sandbox.aws_provider.table.model import Resource

# Importing cfnlint takes seconds; only its data is wanted.
_PACKAGE = find_spec("cfnlint")
_SCHEMAS = Path(_PACKAGE.origin or "").parent / "data" / "schemas" if _PACKAGE else Path()
# Resource types of all the regions that matter are in this one; it has the most.
_REGION = "us-east-1"


@cache
def _index() -> Mapping[str, str]:
    index: Mapping[str, str] = json.loads((_SCHEMAS / "providers" / f"{_REGION}.json").read_text())
    return index


@cache
def _schema(type_name: str) -> Mapping[str, Any]:
    name = _index()[type_name]
    schema: Mapping[str, Any] = json.loads((_SCHEMAS / "resources" / f"{name}.json").read_text())
    return schema


@dataclass(frozen=True)
class Node:
    """A place in a schema; `inside` and `item` lead on, and are None where the schema ends."""

    root: Mapping[str, Any]
    here: Mapping[str, Any]

    def _resolved(self, found: Any) -> Node | None:
        while isinstance(found, Mapping) and "$ref" in found:
            found = self.root.get("definitions", {}).get(found["$ref"].rsplit("/", 1)[-1])
        return Node(self.root, found) if isinstance(found, Mapping) else None

    def inside(self, name: str) -> Node | None:
        properties = self.here.get("properties", {})
        # Pulumi shows a list of at most one as an object.
        if not properties and self.here.get("type") == "array" and (item := self.item()):
            return item.inside(name)
        found = next((key for key in properties if key.lower() == name.lower()), None)
        return self._resolved(properties[found]) if found else None

    def item(self) -> Node | None:
        return self._resolved(self.here.get("items"))

    def unordered(self) -> bool:
        return self.here.get("insertionOrder") is False

    def problems(self, value: Any) -> Iterator[str]:
        """What the schema says against a scalar."""
        allowed = self.here.get("enum")
        if allowed and value not in allowed:
            yield f"is {value!r}; allowed: {', '.join(map(str, allowed))}"
        if isinstance(value, str):
            pattern = self.here.get("pattern")
            if pattern and not _matches(pattern, value):
                yield f"is {value!r}; it must match {pattern}"
            if len(value) > self.here.get("maxLength", len(value)):
                yield f"has {len(value)} characters; at most {self.here['maxLength']} are allowed"
            if len(value) < self.here.get("minLength", 0):
                yield f"has {len(value)} characters; at least {self.here['minLength']} are needed"
        if isinstance(value, int | float) and not isinstance(value, bool):
            if value < self.here.get("minimum", value):
                yield f"is {value}; at least {self.here['minimum']} is allowed"
            if value > self.here.get("maximum", value):
                yield f"is {value}; at most {self.here['maximum']} is allowed"


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.search(pattern, value) is not None
    except re.error:
        # A pattern in another dialect says nothing here.
        return True


def schema_of(entry: Resource) -> Node | None:
    """The schema of the table entry's CloudFormation type, if it has one."""
    if entry.cfn is None:
        return None
    schema = _schema(entry.cfn)
    return Node(schema, schema)


def cfn_name(entry: Resource, name: str) -> str:
    """What a top-level property is called in CloudFormation."""
    renamed = entry.cfn_rename.get(name) or entry.rename.get(name, name)
    return name if "." in renamed else renamed


def property_node(entry: Resource, name: str) -> Node | None:
    """Where a top-level property stands in the schema, also below `LaunchTemplateData`."""
    root = schema_of(entry)
    if root is None:
        return None
    found = root.inside(cfn_name(entry, name))
    if found is None and entry.create.below and (below := root.inside(entry.create.below)):
        found = below.inside(cfn_name(entry, name))
    return found


def replacing_paths(entry: Resource) -> frozenset[str]:
    """Lower-case paths (`a.b`) of the properties whose change needs a new resource."""
    found = {path.lower() for path in entry.replace}
    if entry.cfn:
        names = {cfn_name(entry, name).lower(): name.lower() for name in _renamed(entry)}
        for pointer in _schema(entry.cfn).get("createOnlyProperties", ()):
            first, *rest = pointer.lower().removeprefix("/properties/").split("/")
            found.add(".".join([names.get(first, first), *rest]))
    return frozenset(found - {path.lower() for path in entry.in_place})


def _renamed(entry: Resource) -> set[str]:
    return {name for name in (*entry.rename, *entry.cfn_rename) if "." not in name}
