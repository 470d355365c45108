"""Changes values in a stack file, and leaves all else in it as it is: comments, order, quotes."""

import io
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

_SEQUENCE_INDENTS = ((4, 2), (2, 0))
"""(sequence, offset) of ruamel for the two usual ways to write a list."""


def put(
    section: CommentedMap, key: str, value: object, *, default: object = None, after: str = ""
) -> None:
    """Set a key, a new one behind `after` or at the end.

    Nothing changes where the section says so already, by the key or by the default.
    """
    if key in section:
        if section[key] != value:
            section[key] = value
    elif default is None or value != default:
        keys = list(section)
        place = keys.index(after) + 1 if after in section else len(keys)
        # What stands below a key, a comment among it, belongs to that key for ruamel: a new key
        # goes before such a place, or the comment would be above the new key.
        while place > 0 and _followed_by_comment(section, keys[place - 1]):
            place -= 1
        section.insert(place, key, value)


def _followed_by_comment(section: CommentedMap, key: str) -> bool:
    value = section[key]
    if isinstance(value, CommentedMap) and len(value):
        return _followed_by_comment(value, list(value)[-1])
    if isinstance(value, list):
        return bool(value.ca.items) if hasattr(value, "ca") else False
    return key in section.ca.items


def yaml_like(text: str) -> YAML:
    """Writes `text` as it is where nothing changes, as far as ruamel can."""
    yamls = [_yaml(sequence, offset) for sequence, offset in _SEQUENCE_INDENTS]
    same = (each for each in yamls if dumped(each, each.load(text)) == text)
    return next(same, yamls[0])


def _yaml(sequence: int, offset: int) -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=sequence, offset=offset)
    return yaml


def dumped(yaml: YAML, document: Mapping[str, Any]) -> str:
    stream = io.StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()
