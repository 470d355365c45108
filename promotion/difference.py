"""A typed difference of releases or of settings: one line a key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A key with both values; None where one side lacks it."""

    key: str
    before: str | None
    after: str | None


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> Sequence[KeyChange]:
    """Keys that differ, in the order of `after`, then those that it lacks."""
    keys = dict.fromkeys((*after, *before))
    changes = [KeyChange(key, before.get(key), after.get(key)) for key in keys]
    return [change for change in changes if change.before != change.after]
