"""Judges a move: asks Pulumi, git and Prometheus, and has each gate look at the answer.

Nothing is changed: the stack's file and the record are as before.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gate.stacks.check import Asked, check
from promotion import stack_file
from promotion.difference import KeyChange, difference
from promotion.gate import GateResult, could_not_check, with_waivers
from promotion.gates import of_check
from promotion.plan import plan_digest
from promotion.planning import PlanningEngine
from promotion.program import Program, program_of
from promotion.proposal import Move, Proposal
from promotion.pulumi_stack import PulumiStack, State, Update
from promotion.record import Record, open_entry
from promotion.release import as_rows
from promotion.release_store import ReleaseStore
from stacks import reading
from stacks.released import Released
from stacks.settings import Settings

_NEEDS_PROGRAM = (*of_check.GATES, "protected", "cost")


@dataclass(frozen=True, slots=True)
class Repository:
    """Where a move happens: `root` is the checkout, `promtool` None where there is none."""

    root: Path
    promtool: Path | None
    tell: Callable[[str], None] = lambda text: None

    @property
    def releases(self) -> ReleaseStore:
        return ReleaseStore(self.root)

    def record(self, stack: str) -> Record:
        return Record(self.root, stack)

    def pulumi(self, stack: str) -> PulumiStack:
        return PulumiStack.of(stack, self.root)


@dataclass(frozen=True)
class Side:
    """A stack as it is: by its file, and by Pulumi's state; None where it was never deployed."""

    name: str
    settings: Settings
    pulumi: PulumiStack
    state: State | None
    updates: Sequence[Update]

    @classmethod
    def of(cls, name: str, repository: Repository) -> "Side":
        settings = reading.from_file(name, repository.root / "stacks")
        pulumi = repository.pulumi(name)
        state = pulumi.state()
        updates = pulumi.updates() if state else ()
        return cls(name, settings, pulumi, state, updates)

    @property
    def released(self) -> Released | None:
        return self.state.released if self.state else None


@dataclass(frozen=True)
class Judged:
    """A proposal, and the program and plan that it was made with."""

    proposal: Proposal
    program: Program
    target: PulumiStack


@contextmanager
def judged(
    move: Move, repository: Repository, *, of_program_alone: bool = False
) -> Iterator[Judged]:
    """The program is gone after the block; with `of_program_alone` no other gate is asked.

    Raises SettingsError, and PromotionError where Pulumi cannot be asked.
    """
    record = repository.record(move.target)
    repository.tell(f"{move.target}: state and history")
    target = Side.of(move.target, repository)
    path = reading.stack_file(move.target, repository.root / "stacks")
    before = path.read_text(encoding="utf-8")
    changes = stack_file.changes(move.release, target.settings)
    after = stack_file.with_changes(before, changes, path)
    with program_of(repository.root, move.release, move.target, after) as program:
        results = [program.gate]
        if not of_program_alone:
            results += _of_sides(move, repository, target)
        of_program, plan = _of_program(move, repository, program)
        promotion = target.settings.promotion
        waivers = promotion.waivers if promotion else ()
        results = with_waivers([*results, *of_program], waivers, datetime.now(UTC).date())
        proposal = Proposal(
            move,
            changes,
            _differs(move, target.released),
            repository.releases.of(target.released) if target.released else None,
            results,
            after,
            plan,
            record.last,
            open_entry(record),
        )
        yield Judged(proposal, program, target.pulumi)


def _differs(move: Move, runs: Released | None) -> Sequence[KeyChange]:
    """What the target runs by its state, against the release."""
    return difference(as_rows(runs) if runs else {}, as_rows(move.release.contents))


def _of_sides(move: Move, repository: Repository, target: Side) -> Iterator[GateResult]:
    yield from ()


def _of_program(
    move: Move, repository: Repository, program: Program
) -> tuple[list[GateResult], str | None]:
    """What the preview shows, and the digest of its plan."""
    if program.gate.refuses:
        reason, remedy = "the release's program is not here", program.gate.remedy
        return [could_not_check(gate, reason, remedy=remedy) for gate in _NEEDS_PROGRAM], None
    pulumi = PulumiStack.of(move.target, repository.root).in_folder(program.folder)
    engine = PlanningEngine(pulumi, program.plan)
    asked = Asked(program.folder, engine, promtool=repository.promtool, tell=repository.tell)
    section = check(move.target, asked)
    plan = plan_digest(program.plan) if program.plan.exists() else None
    return [*of_check.judge(section)], plan
