"""Diff: which properties changed, and which of the changes need a new resource."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.aws_provider import cfn
from sandbox.aws_provider.naming import is_chosen
from sandbox.aws_provider.table.model import IdOf, Resource
from sandbox.aws_provider.templates import same_json
from sandbox.aws_provider.wire import DEFAULTS, Properties, has_unknown


@dataclass(frozen=True)
class Change:
    """One changed property: its path, `add`, `delete` or `update`, and whether it replaces."""

    path: str
    kind: str
    replaces: bool = False

    @property
    def top(self) -> str:
        return re.split(r"[.\[]", self.path, maxsplit=1)[0]


@dataclass(frozen=True)
class Changes:
    """All changes, and whether a replacement has to delete the old resource first."""

    changes: tuple[Change, ...]
    delete_first: bool = False

    @property
    def replacing(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.replaces)


def compare(
    entry: Resource, old: Properties, new: Properties, ignored: tuple[str, ...] = ()
) -> Changes:
    """From the inputs of before to those of now; paths in `ignored` (and below) do not count."""
    replacing = cfn.replacing_paths(entry)
    found = []
    for name in sorted({*old, *new} - {DEFAULTS}):
        if name == "tags":
            # A null or empty map of tags is no tags.
            pairs = _differences(old.get(name) or {}, new.get(name) or {}, name, None, False)
        else:
            node = cfn.property_node(entry, name)
            ordered = name in entry.ordered
            pairs = _one(entry, name, old, new, node, ordered)
        for change in pairs:
            if not any(_covers(path, change.path) for path in ignored):
                replaces = any(_covers(path, _plain(change.path)) for path in replacing) or (
                    name in entry.replace_when_lower and _is_lower(old.get(name), new.get(name))
                )
                found.append(Change(change.path, change.kind, replaces))
    return Changes(tuple(found), _collides(entry, old, new))


def _one(
    entry: Resource,
    name: str,
    old: Properties,
    new: Properties,
    node: cfn.Node | None,
    ordered: bool,
) -> Iterator[Change]:
    if name not in old:
        return iter([Change(name, "add")])
    if name not in new:
        return iter([Change(name, "delete")])
    if name in entry.json and same_json(old[name], new[name]):
        return iter(())
    return _differences(old[name], new[name], name, node, ordered)


def _differences(
    old: Any, new: Any, path: str, node: cfn.Node | None, ordered: bool
) -> Iterator[Change]:
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            here = f"{path}.{key}" if re.fullmatch(r"\w+", key) else f'{path}["{key}"]'
            if key not in old:
                yield Change(here, "add")
            elif key not in new:
                yield Change(here, "delete")
            else:
                below = node.inside(key) if node else None
                yield from _differences(old[key], new[key], here, below, False)
    elif isinstance(old, list) and isinstance(new, list):
        if node and node.unordered() and not ordered and _same_items(old, new):
            return
        below = node.item() if node else None
        for index in range(max(len(old), len(new))):
            here = f"{path}[{index}]"
            if index >= len(old):
                yield Change(here, "add")
            elif index >= len(new):
                yield Change(here, "delete")
            else:
                yield from _differences(old[index], new[index], here, below, False)
    else:
        yield Change(path, "update")


def _is_lower(old: Any, new: Any) -> bool:
    """Whether a number or a version (2.15) went down."""
    before, after = (str(value).split(".") for value in (old, new))
    if not all(part.isdigit() for part in (*before, *after)):
        return False
    return [int(part) for part in after] < [int(part) for part in before]


def _same_items(old: list[Any], new: list[Any]) -> bool:
    rest = list(new)
    for item in old:
        if item not in rest:
            return False
        rest.remove(item)
    return not rest


def _plain(path: str) -> str:
    return re.sub(r"\[\d+\]", "", path).lower()


def _covers(outer: str, inner: str) -> bool:
    """Whether a path is `outer` itself or lies below it."""
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


def _collides(entry: Resource, old: Properties, new: Properties) -> bool:
    """Whether AWS would refuse the new resource while the old one is there."""
    names: tuple[str, ...] = entry.identity
    if not names and isinstance(entry.id, IdOf):
        names = entry.id.names
    if not names and entry.autoname:
        names = (entry.autoname.property,)
    if not names or is_chosen(entry, new):
        return False
    relevant = [name for name in names if name in old or name in new]
    return bool(relevant) and all(
        old.get(name) == new.get(name) and not has_unknown(new.get(name)) for name in relevant
    )
