"""Other ways to write the same resource, which change nothing of what a cluster makes of it."""

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from tests.policies.engine_input import UNKNOWN

Props = dict[str, Any]
Given = tuple[str, Props]
"""Type token and properties."""

_FLAG_WITH_VALUE = re.compile(r"(--[a-z-]+)=(.*)", re.DOTALL)


def _maps(value: Any) -> Iterator[Props]:
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from _maps(each)
    elif isinstance(value, list):
        for each in value:
            yield from _maps(each)


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reversed(value[key]) for key in reversed(value)}
    return [_reversed(each) for each in value] if isinstance(value, list) else value


def keys_reversed(given: Given) -> Given:
    return given[0], _reversed(given[1])


def _amounts(given: Given, change: Callable[[Any], Any]) -> Given:
    """With the quantities of containers changed."""
    props = copy.deepcopy(given[1])
    for found in _maps(props):
        for of in ("limits", "requests"):
            if isinstance(amounts := found.get(of), dict):
                found[of] = {name: change(amount) for name, amount in amounts.items()}
    return given[0], props


def _number(amount: Any) -> Any:
    text = amount if isinstance(amount, str) else ""
    return int(text) if re.fullmatch("[0-9]{1,4}", text) else amount


def _text(amount: Any) -> Any:
    is_whole = isinstance(amount, int | float) and not isinstance(amount, bool) and amount % 1 == 0
    return str(int(amount)) if is_whole else amount


def amounts_as_numbers(given: Given) -> Given:
    return _amounts(given, _number)


def amounts_as_text(given: Given) -> Given:
    return _amounts(given, _text)


def _flags(given: Given, change: Callable[[str], list[str]]) -> Given:
    """With the arguments of containers changed."""
    props = copy.deepcopy(given[1])
    for found in _maps(props):
        if isinstance(args := found.get("args"), list):
            changed = [change(word) if isinstance(word, str) else [word] for word in args]
            found["args"] = [word for words in changed for word in words]
    return given[0], props


def flags_apart(given: Given) -> Given:
    """`--flag value` for `--flag=value`, where argparse takes one for the other."""

    def apart(word: str) -> list[str]:
        match = _FLAG_WITH_VALUE.fullmatch(word)
        is_plain = match is not None and match[2] and not match[2].startswith("-")
        return [match[1], match[2]] if match and is_plain else [word]

    return _flags(given, apart)


def flags_with_underscores(given: Given) -> Given:
    def other(word: str) -> list[str]:
        name, equals, value = word.partition("=")
        if name.startswith("--") and "." not in name:
            name = "--" + name[2:].replace("-", "_")
        return [f"{name}{equals}{value}"]

    return _flags(given, other)


def unknown_neighbours(given: Given) -> Given:
    kind, props = given[0], copy.deepcopy(given[1])
    props["neighbour"] = UNKNOWN
    if isinstance(metadata := props.get("metadata"), dict):
        metadata["resourceVersion"] = UNKNOWN
    return kind, props


def in_a_list(given: Given) -> Given:
    """The one item of a List; only workloads are read there."""
    kind, props = given
    if not kind.startswith("kubernetes:apps/"):
        return given
    return f"{kind}List", {"items": [props]}


REWRITES: Mapping[str, Callable[[Given], Given]] = MappingProxyType(
    {
        each.__name__: each
        for each in (
            keys_reversed,
            amounts_as_numbers,
            amounts_as_text,
            flags_apart,
            flags_with_underscores,
            unknown_neighbours,
            in_a_list,
        )
    }
)
