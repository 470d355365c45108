"""The record of one stack: who moved what here, when, on which evidence. Append-only.

An entry is a file, `releases/record/<stack>/<number>.json`, that has the hash of the one before
it. A file is created whole and never written again: of two who append at once one wins, on one
machine by the file system, and in two branches by a conflict of git.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError

from catalog.section import Section
from durable.files import create_file
from promotion.errors import PromotionError, RefusedError
from promotion.gate import GateResult
from promotion.places import RECORD
from promotion.release import canonical

Kind = Literal["promotion", "rollback"]
Stage = Literal["begun", "applied", "failed"]

_Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Time = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]


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
    def hash(self) -> str:
        return hashlib.sha256(canonical(self.model_dump())).hexdigest()


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
        return sorted(self._folder.glob("*.json"))

    def file(self, number: int) -> Path:
        return self._folder / f"{number:06}.json"

    @property
    def last(self) -> Entry | None:
        files = self.files()
        return read(files[-1]) if files else None

    def next(self, after: Entry | None, **said: object) -> Entry:
        """The entry that would follow `after`; nothing is written."""
        return Entry.model_validate(
            {
                "number": after.number + 1 if after else 1,
                "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
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
                f"{first.by} was first: {first.kind} of {first.release[:12]} to {self.stack},"
                f" {first.stage} at {first.at}; look at `moe history {self.stack}`, then try again"
            ) from None


def text_of(entry: Entry) -> str:
    return json.dumps(entry.model_dump(), indent=2) + "\n"


def read(path: Path) -> Entry:
    name = f"{RECORD}/{path.parent.name}/{path.name}"
    try:
        return Entry.model_validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        raise PromotionError(f"{name}: is no entry of a record: {error}") from None


def open_entry(record: Record) -> Entry | None:
    """The begun entry that nothing has ended, if it is the last: something was interrupted."""
    last = record.last
    return last if last is not None and last.stage == "begun" else None


def applied(record: Record) -> list[Entry]:
    """Those that came to their end, oldest first: which releases the stack ran."""
    return [entry for entry in record if entry.stage == "applied"]
