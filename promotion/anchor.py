"""The helper's."""

from promotion.record import Entry


def message(entry: Entry) -> str:
    return f"moe {entry.kind} {entry.number} {entry.hash}"
