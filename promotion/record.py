"""The record of one stack: who moved what here, when, on which evidence. Append-only.

An entry is a file, `releases/record/<stack>/<number>.json`, that has the hash of the one before
it. A file is created whole and never written again: of two who append at once one wins, on one
machine by the file system, and in two branches by a conflict of git.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from catalog.section import Section
from durable.files import create_file
from gate.formats.printable import one_line
from promotion.errors import PromotionError, RefusedError
from promotion.gate import GateResult
from promotion.places import RECORD
from promotion.release import SHOWN_DIGITS, canonical

Kind = Literal["promotion", "rollback"]
Stage = Literal["begun", "applied", "failed"]

FILE_NAME = re.compile(r"[0-9]{6,}\.json")
"""Of an entry."""
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def _is_a_time(text: str) -> str:
    datetime.strptime(text, _TIME_FORMAT)
    return text


_Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Time = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"),
    AfterValidator(_is_a_time),
]


class GateSaid(Section):
    """A gate as it was when the entry was written."""

    gate: str
    outcome: str
    evidence: str
    waiver: str = ""

    @classmethod
    def of(cls, result: GateResult) -> "GateSaid":
        shown = result.waiver.shown() if result.waiver else ""
        return cls(
            gate=result.gate,
            outcome=result.outcome.value,
            evidence=result.evidence,
            waiver=shown,
        )


class Entry(Section):
    """`begun` before the stack's file is written, `applied` or `failed` after `up`.

    The first has gates, plan and file; the last names the first by `ends`.
    """

    number: Annotated[int, Field(ge=1)]
    kind: Kind
    stage: Stage
    at: _Time
    """UTC."""
    by: str
    """Name and address as git has them."""
    source: str | None
    """The stack that the release comes from; none for a rollback."""
    target: str
    release: _Hash
    replaces: _Hash | None = None
    """The release that the stack ran before, where that was one."""
    gates: tuple[GateSaid, ...] = ()
    plan: _Hash | None = None
    """Digest of what the engine planned (`promotion/plan.py`)."""
    file: _Hash | None = None
    """SHA-256 of the stack's file with the release in it."""
    continues: int | None = None
    """Number of a begun entry that was interrupted, and that this one takes up again."""
    ends: int | None = None
    """Number of the begun entry that this one ends."""
    why: str = ""
    """What went wrong, where it failed; why it was rolled back."""
    previous: _Hash | None = None
    """Hash of the entry before; none for the first."""

    @property
    def time(self) -> datetime:
        return datetime.strptime(self.at, _TIME_FORMAT).replace(tzinfo=UTC)

    @property
    def hash(self) -> str:
        # Without defaults: a field that a later version adds leaves the hashes of old entries.
        return hashlib.sha256(canonical(self.model_dump(exclude_defaults=True))).hexdigest()


class Record:
    """The entries of `stack` in the repository in `root`."""

    def __init__(self, root: Path, stack: str) -> None:
        self.stack = stack
        self._folder = root / RECORD / stack

    def __iter__(self) -> Iterator[Entry]:
        """In the order in which they were written; raises PromotionError for an unreadable one."""
        for path in self.files():
            yield read(path)

    def files(self) -> list[Path]:
        """Those of entries, in the order of their numbers; strangers are left out."""
        return [self._folder / name for name in sorted(self._names(), key=_number)]

    def file(self, number: int) -> Path:
        return self._folder / f"{number:06}.json"

    @property
    def last(self) -> Entry | None:
        name = max(self._names(), key=_number, default=None)
        return read(self._folder / name) if name else None

    def _names(self) -> list[str]:
        """Listed alone: a long record costs an append no more than this."""
        try:
            with os.scandir(self._folder) as found:
                return [each.name for each in found if FILE_NAME.fullmatch(each.name)]
        except FileNotFoundError:
            return []

    def next(self, after: Entry | None, **said: object) -> Entry:
        """The entry that would follow `after`; nothing is written."""
        now = datetime.now(UTC).strftime(_TIME_FORMAT)
        return Entry.model_validate(
            {
                "number": after.number + 1 if after else 1,
                # Clocks of two machines differ; times of a record do not go backwards.
                "at": max(now, after.at) if after else now,
                "target": self.stack,
                "previous": after.hash if after else None,
                **said,
            }
        )

    def append(self, entry: Entry) -> None:
        """Raises RefusedError where somebody has appended since the entry was made."""
        path = self.file(entry.number)
        try:
            create_file(path, text_of(entry))
        except FileExistsError:
            first = read(path)
            raise RefusedError(
                f"{one_line(first.by)} was first: {first.kind} of {first.release[:SHOWN_DIGITS]} to"
                f" {self.stack},"
                f" {first.stage} at {first.at}; look at `moe history {self.stack}`, then try again"
            ) from None


def text_of(entry: Entry) -> str:
    return json.dumps(entry.model_dump(), indent=2) + "\n"


def read(path: Path) -> Entry:
    """Raises PromotionError, which names the file and says in one line what is wrong."""
    name = f"{RECORD}/{path.parent.name}/{path.name}"
    try:
        content = path.read_bytes()
        entry = Entry.model_validate_json(content)
        json.loads(content, object_pairs_hook=_each_key_once)
    except ValidationError as error:
        raise PromotionError(f"{name}: is no entry of a record: {_reasons(error)}") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise PromotionError(f"{name}: is no entry of a record: {why}") from None
    return entry


def _number(name: str) -> int:
    return int(name.partition(".")[0])


def _reasons(error: ValidationError) -> str:
    return "; ".join(
        one_line(f"{'.'.join(map(str, each['loc'])) or '(file)'}: {each['msg']}")
        for each in error.errors()
    )


def _each_key_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Else people and programs might each read another of the two values."""
    if len(found := dict(pairs)) == len(pairs):
        return found
    keys = [key for key, _ in pairs]
    twice = next(key for key in keys if keys.count(key) > 1)
    raise ValueError(f"{twice}: stands there twice")


def recorded_stacks(root: Path) -> list[str]:
    """Those that have a record, in alphabetical order."""
    folder = root / RECORD
    return (
        sorted(each.name for each in folder.iterdir() if each.is_dir()) if folder.is_dir() else []
    )


def open_entry(record: Record) -> Entry | None:
    """The begun entry that nothing has ended, if it is the last: something was interrupted."""
    last = record.last
    return last if last is not None and last.stage == "begun" else None


def applied(record: Record) -> list[Entry]:
    """Those that came to their end, oldest first: which releases the stack ran."""
    return [entry for entry in record if entry.stage == "applied"]
