"""What a sequence of entries must be to be a record; what is wrong with one that is none."""

from collections.abc import Iterator, Mapping

from promotion.record import Entry, Stage

_OF_ITS_BEGINNING = ("kind", "source", "release")


def wrong(stack: str, entries: Mapping[int, Entry | None]) -> Iterator[tuple[int, str]]:
    """Number of an entry, and one thing that is wrong with it.

    `entries` are by the numbers that their files have, in that order; None for one that cannot be
    read, which says nothing of those after it.
    """
    previous_number, before, last_time = 0, None, ""
    for number, entry in entries.items():
        follows = number == previous_number + 1
        if not follows:
            yield number, f"follows on entry {previous_number}: {_missing(previous_number, number)}"
        if entry is not None:
            yield from ((number, what) for what in _of_itself(stack, number, entry))
            if entry.at < last_time:
                yield number, f"its time {entry.at} is before {last_time}, that of one before it"
            if follows and (before is not None or number == 1):
                yield from ((number, what) for what in _after(before, entry))
            last_time = max(last_time, entry.at)
        previous_number, before = number, entry


def _missing(previous: int, number: int) -> str:
    first, last = previous + 1, number - 1
    return f"{first} is missing" if first == last else f"{first} to {last} are missing"


def _of_itself(stack: str, number: int, entry: Entry) -> Iterator[str]:
    if entry.number != number:
        yield f"its number is {entry.number}"
    if entry.target != stack:
        yield f"it is of stack {entry.target}"
    if entry.stage == "begun" and entry.ends is not None:
        yield "it is begun and ends another"
    if entry.stage != "begun" and entry.continues is not None:
        yield f"it is {entry.stage} and continues another"


def _after(before: Entry | None, entry: Entry) -> Iterator[str]:
    """`before` is None for the first entry."""
    expected = before.hash if before else None
    if entry.previous != expected:
        yield f"it follows on {_short(entry.previous)}, and the one before is {_short(expected)}"
    begun = before if before is not None and before.stage == "begun" else None
    if entry.stage == "begun":
        yield from _begins(begun, entry)
    else:
        yield from _ends(begun, entry, entry.stage)


def _begins(begun: Entry | None, entry: Entry) -> Iterator[str]:
    wanted = begun.number if begun else None
    if entry.continues == wanted:
        return
    if wanted is None:
        yield f"it continues entry {entry.continues}, which is not open"
    else:
        yield f"entry {wanted} is open, and it does not continue that"


def _ends(begun: Entry | None, entry: Entry, stage: Stage) -> Iterator[str]:
    if begun is None:
        yield f"it is {stage}, and no entry is open"
    elif entry.ends != begun.number:
        yield f"it is {stage} and ends {entry.ends or 'none'}; open is entry {begun.number}"
    else:
        for field in _OF_ITS_BEGINNING:
            found, expected = getattr(entry, field), getattr(begun, field)
            if found != expected:
                yield f"its {field} is {found}, and that of entry {begun.number} {expected}"


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "nothing"
