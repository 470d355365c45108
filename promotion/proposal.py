"""What a promotion or a rollback would do, and what its gates say."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from promotion.author import Author
from promotion.difference import KeyChange
from promotion.gate import GateResult
from promotion.record import Entry, Kind
from promotion.release import Release


@dataclass(frozen=True, slots=True)
class Move:
    """What was asked for: `release` to `target`, from `source` where it is a promotion."""

    kind: Kind
    source: str | None
    target: str
    release: Release
    by: Author
    why: str = ""
    begun_by: str = ""
    """Who began it, as the record has it, where somebody else ends it."""

    @property
    def movers(self) -> frozenset[str]:
        """Addresses of who moves it, none of whom may approve it."""
        begun_by = re.search(r"<([^<>]+)>$", self.begun_by)
        return frozenset({self.by.mail} | ({begun_by[1]} if begun_by else set()))

    def __str__(self) -> str:
        way = f"{self.source} -> {self.target}" if self.source else self.target
        return f"{self.kind} of {self.release.short_id}, {way}"


@dataclass(frozen=True, slots=True)
class Proposal:
    """`file_before` is the whole stack file, `file_after` with the release in it.

    `plan` is a digest, and `plan_changes` how many resources it would change.

    `newest_update` is that of the target, as it was when this was judged.
    `differs` is what the target runs against what the release has, its program included; `after`
    is the last entry of the target's record, `interrupted` that one where nothing has ended it.
    """

    move: Move
    changes: Sequence[KeyChange]
    differs: Sequence[KeyChange]
    replaces: Release | None
    gates: Sequence[GateResult]
    file_before: str
    file_after: str
    plan: str | None
    plan_changes: int
    newest_update: tuple[int, int]
    after: Entry | None
    interrupted: Entry | None

    @property
    def refusing(self) -> list[GateResult]:
        return [gate for gate in self.gates if gate.refuses]

    @property
    def is_done(self) -> bool:
        """Whether the target runs all of the release, and the record says how it came there.

        A failed `up` leaves the output `release` behind too, so that alone says nothing.
        """
        last = self.after
        is_recorded = (
            last is not None and last.stage == "applied" and last.release == self.move.release.id
        )
        return is_recorded and not (self.changes or self.differs or self.plan_changes)
