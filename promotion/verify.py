"""Whether a stack's record is what was written: by its own hashes, its releases, and Pulumi."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gate.formats.printable import one_line
from promotion.anchor import anchored
from promotion.chain import wrong
from promotion.errors import PromotionError
from promotion.places import RECORD
from promotion.pulumi_stack import Update
from promotion.record import FILE_NAME, Entry, Record, read
from promotion.release import SHOWN_DIGITS
from promotion.release_store import ReleaseStore

_DRAFT = re.compile(rf"\.{FILE_NAME.pattern}\.[0-9a-f.]+")
"""What a writer that was killed leaves; nothing reads it (`durable/files.py`)."""


@dataclass(frozen=True, slots=True)
class RecordProblem:
    """One thing that is wrong: `file` is relative to the repository, `what` one line."""

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


@dataclass(frozen=True, slots=True)
class Verified:
    """`anchored` are the numbers of entries that Pulumi's history confirms; None: not asked."""

    stack: str
    entries: int
    problems: Sequence[RecordProblem]
    anchored: Sequence[int] | None


def problems(
    root: Path, stack: str, updates: Sequence[Update] | None, releases: ReleaseStore
) -> list[RecordProblem]:
    """What is wrong with the record; none where it is intact. See `verified`."""
    return list(verified(root, stack, updates, releases).problems)


def verified(
    root: Path, stack: str, updates: Sequence[Update] | None, releases: ReleaseStore
) -> Verified:
    """`updates` is the stack's history in Pulumi; None where Pulumi was not asked."""
    found: list[RecordProblem] = list(_strangers(root, stack))
    entries: dict[int, Entry | None] = {}
    record = Record(root, stack)
    for path in record.files():
        number = int(path.stem)
        if path != record.file(number):
            found.append(_problem(path, f"entry {number} has another name"))
            continue
        entries[number] = None
        try:
            entries[number] = read(path)
        except PromotionError as error:
            found.append(RecordProblem(*str(error).split(": ", 1)))
    whats = [*wrong(stack, entries), *_without_release(entries, releases)]
    if updates is not None:
        whats += [*_unlike_history(entries, updates), *_applied_unseen(entries, updates)]
    found += [_problem(record.file(number), what) for number, what in sorted(whats)]
    confirmed = None if updates is None else _confirmed(entries, updates)
    return Verified(stack, len(entries), found, confirmed)


def _strangers(root: Path, stack: str) -> Iterator[RecordProblem]:
    folder = root / RECORD / stack
    if not folder.is_dir():
        return
    with os.scandir(folder) as listed:
        names = {each.name: each.is_file(follow_symlinks=False) for each in listed}
    for name, is_file in sorted(names.items()):
        if not (FILE_NAME.fullmatch(name) or _DRAFT.fullmatch(name)):
            yield _problem(folder / name, "does not belong here")
        elif not is_file:
            yield _problem(folder / name, "is no file of its own")


def _without_release(
    entries: Mapping[int, Entry | None], releases: ReleaseStore
) -> Iterator[tuple[int, str]]:
    found: dict[str, str] = {}
    for number, entry in entries.items():
        if entry is not None:
            if entry.release not in found:
                found[entry.release] = _why_not(entry.release, releases)
            if why := found[entry.release]:
                yield number, f"its release {entry.release[:SHOWN_DIGITS]}: {why}"


def _why_not(release: str, releases: ReleaseStore) -> str:
    """Empty where the release is there and its content has this digest."""
    try:
        releases.get(release)
    except PromotionError as error:
        return one_line(str(error))
    return ""


def _unlike_history(
    entries: Mapping[int, Entry | None], updates: Sequence[Update]
) -> Iterator[tuple[int, str]]:
    for number, digest in sorted(set(filter(None, map(anchored, updates)))):
        entry = entries.get(number)
        if entry is None or entry.hash != digest:
            yield (
                number,
                f"Pulumi has deployed entry {number} as {digest[:SHOWN_DIGITS]}, which was removed"
                " or rewritten here; or this checkout is behind",
            )


def _applied_unseen(
    entries: Mapping[int, Entry | None], updates: Sequence[Update]
) -> Iterator[tuple[int, str]]:
    """What was applied has an update, where the history goes back to its beginning.

    The history of a stack that was created again, or imported, is younger than its record.
    """
    deployed = {pair[0] for pair in map(anchored, updates) if pair}
    first = min(deployed, default=None)
    oldest = min((update.started for update in updates), default=None)
    for number, entry in entries.items():
        if entry is None or entry.stage != "applied" or entry.ends is None:
            continue
        if entry.ends in deployed:
            continue
        begun = entries.get(entry.ends)
        follows_on_another = first is not None and entry.ends > first
        is_younger = oldest is not None and begun is not None and begun.time >= oldest
        if follows_on_another or is_younger:
            yield number, f"Pulumi has never deployed entry {entry.ends}, which this one ends"


def _confirmed(entries: Mapping[int, Entry | None], updates: Sequence[Update]) -> Sequence[int]:
    pairs = set(map(anchored, updates))
    return [
        number
        for number, entry in entries.items()
        if entry is not None and (number, entry.hash) in pairs
    ]


def _problem(path: Path, what: str) -> RecordProblem:
    return RecordProblem(f"{RECORD}/{path.parent.name}/{one_line(path.name)}", what)
