"""Releases of stack `local`, which differ in their commit."""

from functools import cache

from promotion.release import Release
from stacks import reading
from stacks.released import Released, released


@cache
def contents() -> Released:
    return released(reading.from_file("local"))


def release(digit: str = "a") -> Release:
    """`digit` is a hex digit."""
    return Release(contents=contents(), git_commit=digit * 40)
