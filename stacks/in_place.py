"""Changes one value in the text of a stack file; every other character stays.

A writer of YAML (`stacks/editing.py`) has its own way of indents, escapes, spaces and line ends,
and so changes lines that nobody asked about.
"""

import json
import re
from collections.abc import Collection
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from catalog.project import PROJECT

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@-]*(:[A-Za-z0-9._/@-]+)*")
_PROPERTIES = re.compile(r"(?:[!&]\S*\s+)*")
"""A tag or an anchor, which stand before a value."""
_LINE_END = re.compile(r"\r?\n|\Z")


class PlaceError(Exception):
    """There is no place for the value."""


def with_value(text: str, section: str, key: str, value: str, beside: Collection[str]) -> str:
    """`text` with the value of a key; a new key comes below the last one of `beside`.

    What stands there by an alias, or as a block, is not told apart: whoever calls it compares what
    the text says afterwards. Raises PlaceError, and YAMLError where the text is none.
    """
    composed = YAML().compose(text)
    found = _pairs(_value(_value(composed, "config"), f"{PROJECT}:{section}"))
    node = next((node for name, node in found if name.value == key), None)
    if isinstance(node, ScalarNode):
        end = node.end_mark.index
        before = _PROPERTIES.match(text, node.start_mark.index, end)
        start = before.end() if before else node.start_mark.index
        return f"{text[:start]}{_like(text[start:end], value)}{text[end:]}"
    siblings = [pair for pair in found if pair[0].value in beside]
    if node is not None or not siblings:
        raise PlaceError(f"{section}.{key} has no place in the file")
    return _with_new(text, *siblings[-1], f"{key}: {_like('', value)}")


def _with_new(text: str, sibling: Node, value: Node, written: str) -> str:
    # A value that is an alias ends where its anchor does.
    end = max(sibling.end_mark.index, value.end_mark.index)
    line = text[text.rfind("\n", 0, sibling.start_mark.index) + 1 : sibling.start_mark.index]
    if line.strip():
        return f"{text[:end]}, {written}{text[end:]}"
    line_end = _LINE_END.search(text, end)
    at = line_end.start() if line_end else len(text)
    # The last line may have none: then that of the others.
    new_line = (line_end[0] if line_end else "") or ("\r\n" if "\r\n" in text else "\n")
    return f"{text[:at]}{new_line}{line}{written}{text[at:]}"


def _like(old: str, value: str) -> str:
    """In the quotes of the old one; in none only where that is a text for YAML too."""
    quote = old[:1] if old[:1] in ("'", '"') else ""
    if _PLAIN.fullmatch(value) and (quote or YAML(typ="safe").load(value) == value):
        return f"{quote}{value}{quote}"
    return json.dumps(value, ensure_ascii=False)


def _value(node: Node | None, key: str) -> Node | None:
    return next((value for name, value in _pairs(node) if name.value == key), None)


def _pairs(node: Node | None) -> list[tuple[Any, Any]]:
    return list(node.value) if isinstance(node, MappingNode) else []
