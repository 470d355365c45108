"""Reading properties that may be missing, of any type, or not known yet.

The engine gives proxies: `isinstance(x, dict)` is false for them, and touching a
value that is unknown in a preview raises UnknownValueError
(pulumi_policy/proxy.py). These functions never raise anything else.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from pulumi_policy.proxy import UnknownValueError

_LONGEST_SHOWN = 160


def child(value: Any, *path: str) -> Any:
    """What lies at `path`; None where anything on the way is missing or no map."""
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def elements(value: Any) -> list[Any]:
    """The elements of a list, with the error in place of each unknown; of anything else, none."""
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        return []
    found: list[Any] = []
    for index in range(len(value)):
        try:
            found.append(value[index])
        except UnknownValueError as error:
            found.append(error)
    return found


def one_or_more(value: Any) -> list[Any]:
    """As `elements`, of what may also be one value by itself; of nothing, none."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return elements(value)
    return [] if value in (None, "") else [value]


def known(element: Any) -> Any:
    """An element of `elements`, raised where it is the error of an unknown."""
    if isinstance(element, UnknownValueError):
        raise element
    return element


def find(value: Any, matches: Callable[[Any], bool]) -> Any:
    """The first element of a list that matches, None without one.

    Raises the error of an unknown where only an element that is not known yet could match.
    """
    unknown: UnknownValueError | None = None
    for element in elements(value):
        try:
            if matches(known(element)):
                return element
        except UnknownValueError as error:
            unknown = unknown or error
    if unknown is not None:
        raise unknown
    return None


def is_one_of(value: Any, names: Collection[str]) -> bool:
    """Whether `value` is one of `names`; a map, which has no hash, is none."""
    return isinstance(value, str) and value in names


def is_true(value: Any) -> bool:
    """Whether a flag is set; providers write both `true` and "true"."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


def shown(value: Any) -> str:
    """`value` for a message: short, on one line, numbers as they were written."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a map"
    if not isinstance(value, str) and isinstance(value, Sequence):
        return "a list"
    # Every number comes through protobuf as a float.
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    text = "".join(c if c.isprintable() else "?" for c in str(value))
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
