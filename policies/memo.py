"""Reads once, in one analysis, what many policies ask: some forty of them walk the same pods.

An analysis is one resource with all policies of single resources, or the whole stack with all
policies of stacks (`policies/pack.py`), or one policy of stacks that runs by itself. What was read
is forgotten at its end, so that memory does not grow with the number of analyses.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_Key = tuple[Callable[..., Any], tuple[int, ...]]

# Arguments are kept beside the result: the id of an object that is gone may come again.
_read: dict[_Key, tuple[object, Any]] | None = None


@contextmanager
def one_analysis() -> Iterator[None]:
    """Inside of another one it is a part of that."""
    global _read
    if _read is not None:
        yield
        return
    _read = {}
    try:
        yield
    finally:
        _read = None


def once(read: Callable[P, T]) -> Callable[P, T]:
    """`read`, called once an analysis for the same objects; an error is no result.

    The same is what `is` the same: properties are proxies, which have no hash. What `read`
    returns is shared by all policies, so it is nothing that is used up.
    """

    @wraps(read)
    def reads_once(*args: P.args, **kwargs: P.kwargs) -> T:
        if _read is None or kwargs:
            return read(*args, **kwargs)
        key = (read, tuple(map(id, args)))
        if (known := _read.get(key)) is None:
            known = _read[key] = (args, read(*args, **kwargs))
        result: T = known[1]
        return result

    return reads_once
