"""Moves that were judged by nobody, over a real repository and a Pulumi that is only played."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from gate.stacks.engine import Run
from promotion.author import Author
from promotion.difference import KeyChange
from promotion.gate import GateResult, passed
from promotion.judge import Judged, Repository
from promotion.program import Program
from promotion.proposal import Move, Proposal
from promotion.pulumi_stack import PulumiStack, State, Update, newest_update
from promotion.record import open_entry
from promotion.release import Release
from promotion.stack_file import text_in
from tests.promotion.releases import release, store
from tests.promotion.repositories import new_repository

STACK = "staging"
BY = Author("Ada", "ada@example.com")
BEFORE, AFTER = "config: {a: é}\r\n", "config: {a: ü}\r\n"
PLAN = "b" * 64
LOCKED = "error: the stack is currently locked by 1 lock(s)"
"""As pulumi's backend/diy/lock.go begins a refusal."""
JUDGED_AT = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


@dataclass
class PlayedStack:
    """What `pulumi` would say; `asked` is what it was asked, in its order.

    `on_up` is called when `up` begins; `cancels` is whether `pulumi cancel` works. A stack runs
    `release` once an `up` has ended well.
    """

    release: Release
    runs: Sequence[Run] = (Run(0, [], ""),)
    says_so: bool = True
    versions: Sequence[int] = (1,)
    on_up: Callable[[], None] = lambda: None
    cancels: bool = True
    asked: list[tuple[str, ...]] = field(default_factory=list)
    folder: Path | None = None

    def in_folder(self, folder: Path) -> "PlayedStack":
        self.folder = folder
        return self

    def run(self, *arguments: str) -> Run:
        self.asked.append(arguments)
        if arguments[0] != "up":
            return Run(0, [], "")
        self.on_up()
        first, *rest = self.runs
        self.runs = rest
        return first

    def release_lock(self) -> bool:
        self.asked.append(("cancel", "--yes"))
        return self.cancels

    def state(self) -> State | None:
        said = self.release.contents.model_dump() if self.says_so else None
        stack = {"type": "pulumi:pulumi:Stack", "outputs": {"release": said}}
        return State([stack])

    def updates(self) -> list[Update]:
        return [
            Update(version, "update", "succeeded", JUDGED_AT, JUDGED_AT, "")
            for version in self.versions
        ]


def new_place(root: Path) -> Repository:
    """A repository with the stack's file and three releases; the first is committed."""
    new_repository(root, {})
    (root / "stacks").mkdir()
    file(root).write_bytes(BEFORE.encode())
    store(root, 1, 2, 3)
    return Repository(root, None)


def file(root: Path) -> Path:
    return root / "stacks" / f"Pulumi.{STACK}.yaml"


def judged_move(
    repository: Repository,
    stack: PlayedStack,
    gates: Sequence[GateResult] = (passed("soak", "25 h"),),
    **said: Any,
) -> Judged:
    """A promotion of the stack's release from dev, unless `said` says otherwise."""
    record = repository.record(STACK)
    of_move = {key: said.pop(key) for key in ("kind", "source", "why") if key in said}
    move = replace(Move("promotion", "dev", STACK, stack.release, BY), **of_move)
    proposal = Proposal(
        move,
        [KeyChange("charts.keda", "1", "2")],
        [KeyChange("charts.keda", "1", "2")],
        release(1),
        gates,
        BEFORE,
        AFTER,
        PLAN,
        1,
        newest_update(stack.updates()),
        record.last,
        open_entry(record),
    )
    program = Program(repository.root / "program", repository.root / "plan.json", gates[0])
    return Judged(replace(proposal, **said), program, cast(PulumiStack, stack))


def on_disk(repository: Repository) -> tuple[bool, list[str]]:
    """Whether the stack's file has the release, and the stages of the record."""
    text = text_in(file(repository.root))
    assert text in (BEFORE, AFTER), "never half of it"
    return text == AFTER, [entry.stage for entry in repository.record(STACK)]
