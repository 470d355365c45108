"""Paths into a resource's properties, as Pulumi writes them: `spec.containers[0]["a.b"]`.

Grammar: `ParsePropertyPath` of pulumi's sdk/go/common/resource/properties_path.go.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pulumi.runtime.rpc import _special_secret_sig, _special_sig_key

_STEP = re.compile(r'\.?(?:\["(?P<quoted>(?:\\"|[^"])*)"\]|\[(?P<index>\d+)\]|(?P<name>[^.\[]+))')

SECRET: Final = "[secret]"  # noqa: S105 - what the engine itself writes for one
"""What stands for a value that the engine keeps to itself."""


class Absent:
    """Its one instance says that a path leads to nothing, which is not the value null."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()


def parse(path: str) -> tuple[str | int, ...]:
    """Keys of maps and indexes of lists; what is no path is one key, as it is for Pulumi."""
    steps: list[str | int] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None or (at == 0 and path[0] == "."):
            return (path,)
        if (index := match["index"]) is not None:
            steps.append(int(index))
        elif (quoted := match["quoted"]) is not None:
            steps.append(quoted.replace('\\"', '"'))
        else:
            steps.append(match["name"])
        at = match.end()
    return tuple(steps)


def value_at(path: str, properties: Any) -> Any:
    """What lies there, ABSENT where nothing does; SECRET at, and anywhere below, a secret."""
    value = properties
    for step in parse(path):
        if _is_secret(value):
            return SECRET
        is_there = (isinstance(value, Mapping) and step in value) or (
            isinstance(step, int) and _is_list(value) and step < len(value)
        )
        if not is_there:
            return ABSENT
        value = value[step]
    return without_secrets(value)


def without_secrets(value: Any) -> Any:
    """The value with SECRET in place of what the engine wraps, at any depth."""
    if _is_secret(value):
        return SECRET
    if isinstance(value, Mapping):
        return {name: without_secrets(each) for name, each in value.items()}
    if _is_list(value):
        return [without_secrets(each) for each in value]
    return value


def holds_secret(value: Any) -> bool:
    """Whether SECRET is in it."""
    if isinstance(value, Mapping):
        return any(map(holds_secret, value.values()))
    return any(map(holds_secret, value)) if _is_list(value) else bool(value == SECRET)


def _is_secret(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get(_special_sig_key) == _special_secret_sig


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
