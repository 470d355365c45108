"""Judges a move: asks Pulumi, git and Prometheus, and has each gate look at the answer.

Nothing is changed: the stack's file and the record are as before.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gate.stacks.check import Asked, check
from gate.stacks.engine import Run
from promotion import author, bill, stack_file
from promotion.approvals import subject
from promotion.difference import KeyChange, difference
from promotion.drift import drift_of
from promotion.errors import PromotionError
from promotion.gate import GateResult, could_not_check, not_demanded, with_waivers
from promotion.gates import (
    alert_tests,
    alerts_quiet,
    approvals,
    committed,
    cost,
    drift,
    of_check,
    order,
    protected,
    record,
    soak,
)
from promotion.gates import source as runs_release
from promotion.plan import plan_digest
from promotion.planning import PlanningEngine
from promotion.program import Program, program_of
from promotion.proposal import Move, Proposal
from promotion.pulumi_stack import PulumiStack, State, Update, newest_update
from promotion.record import Record, open_entry
from promotion.release import as_rows
from promotion.release_store import ReleaseStore
from promotion.verify import problems
from stacks import reading
from stacks.released import Released
from stacks.settings import Settings
from stacks.settings.promotion import Promotion

_OF_A_PROMOTION = (
    runs_release.GATE,
    soak.GATE,
    drift.SOURCE,
    drift.TARGET,
    alerts_quiet.GATE,
    approvals.GATE,
)
_OF_A_PROGRAM = (*of_check.GATES, alert_tests.GATE, protected.GATE, cost.GATE)


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
    """A stack by its file, and by Pulumi's state: None where nothing of it is deployed."""

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
        deployed = state if state and not state.is_empty else None
        return cls(name, settings, pulumi, deployed, updates)

    @property
    def released(self) -> Released | None:
        """None also where another version of the program has said it."""
        try:
            return self.state.released if self.state else None
        except PromotionError:
            return None


@dataclass(frozen=True)
class Judged:
    """A proposal, and the program and plan that it was made with."""

    proposal: Proposal
    program: Program
    target: PulumiStack


@dataclass(frozen=True, slots=True)
class Planned:
    """Digest of the plan that the engine saved, if any, and how many resources it would change."""

    digest: str | None
    changes: int


@contextmanager
def judged(move: Move, repository: Repository) -> Iterator[Judged]:
    """The program is gone after the block.

    Raises SettingsError, and PromotionError where Pulumi cannot be asked.
    """
    entries = repository.record(move.target)
    # First: whoever appends from here on is noticed.
    last, interrupted = entries.last, open_entry(entries)
    repository.tell(f"{move.target}: state and history")
    target = Side.of(move.target, repository)
    path = reading.stack_file(move.target, repository.root / "stacks")
    before = stack_file.text_in(path)
    changes = stack_file.changes(move.release, target.settings)
    after = stack_file.with_changes(before, changes, path)
    with program_of(repository.root, move.release, move.target, after) as program:
        results = [program.gate, *_of_sides(move, repository, target)]
        of_program, planned = _of_program(move, repository, target, program)
        promotion = target.settings.promotion
        waivers = promotion.waivers if promotion else ()
        results = with_waivers([*results, *of_program], waivers, datetime.now(UTC).date())
        proposal = Proposal(
            move,
            changes,
            _differs(move, target.released),
            repository.releases.of(target.released) if target.released else None,
            results,
            before,
            after,
            planned.digest,
            planned.changes,
            newest_update(target.updates),
            last,
            interrupted,
        )
        yield Judged(proposal, program, target.pulumi)


def _differs(move: Move, runs: Released | None) -> Sequence[KeyChange]:
    """What the target runs by its state, against the release."""
    return difference(as_rows(runs) if runs else {}, as_rows(move.release.contents))


def _of_sides(move: Move, repository: Repository, target: Side) -> Iterator[GateResult]:
    """Gates on what both stacks are and have been."""
    releases, root = repository.releases, repository.root
    wrong = problems(root, move.target, target.updates, releases)
    yield committed.judge(root, move.source, move.target)
    if move.source is None:
        yield record.judge(wrong)
        yield order.judge_rollback(
            target.name,
            list(repository.record(target.name)),
            target.updates,
            target.released,
            move.release,
        )
        yield from (not_demanded(gate, "not asked of a rollback") for gate in _OF_A_PROMOTION)
        return
    repository.tell(f"{move.source}: state and history")
    source = Side.of(move.source, repository)
    wrong += problems(root, source.name, source.updates, releases)
    yield record.judge(wrong)
    yield order.judge(
        source.name,
        target.name,
        target.settings.promotion,
        source.settings.promotion,
        list(repository.record(source.name)),
        move.release,
    )
    promotion, now = target.settings.promotion or Promotion(), datetime.now(UTC)
    yield runs_release.judge(source.name, source.state, source.updates, move.release)
    yield soak.judge(source.name, source.updates, promotion.soak_hours, now)
    repository.tell(f"{source.name}, {target.name}: what a refresh would find")
    yield drift.judge(drift.SOURCE, drift_of(source.pulumi))
    yield drift.judge(drift.TARGET, drift_of(target.pulumi))
    yield alerts_quiet.judge(
        source.name,
        source.settings.promotion.prometheus_url if source.settings.promotion else None,
        source.state.resources if source.state else (),
        alerts_quiet.Window.of(soak.soaked_since(source.updates), promotion.soak_hours, now),
        source.pulumi.environment,
    )
    yield _of_approvals(move, repository, promotion)


def _of_approvals(move: Move, repository: Repository, promotion: Promotion) -> GateResult:
    """By others than who wrote the release, and who moves it now or began to."""
    written_by = author.of_commit(repository.root, move.release.git_commit)
    if promotion.approvals and not written_by:
        return could_not_check(
            approvals.GATE,
            f"git does not say who wrote commit {move.release.git_commit[:12]}",
            remedy=f"git fetch origin {move.release.git_commit}",
        )
    target = repository.record(move.target)
    wanted = subject(move.release.id, str(move.source), target)
    return approvals.judge(repository.root, wanted, promotion, written_by | move.movers)


def _of_program(
    move: Move, repository: Repository, target: Side, program: Program
) -> tuple[list[GateResult], Planned]:
    """Gates on the program and on what a preview of the target shows; what it would do."""
    if program.gate.refuses:
        reason, remedy = "the release's program is not here", program.gate.remedy
        unseen = [could_not_check(gate, reason, remedy=remedy) for gate in _OF_A_PROGRAM]
        return unseen, Planned(None, 0)
    engine = PlanningEngine(target.pulumi.in_folder(program.folder), program.plan)
    asked = Asked(program.folder, engine, promtool=repository.promtool, tell=repository.tell)
    section = check(move.target, asked)
    results = [
        *of_check.judge(section, needs_promtool=move.source is not None),
        _of_alert_tests(move, repository, program),
    ]
    came_to_its_end = not any(each.refuses for each in results if each.gate == of_check.PREVIEW)
    if engine.run is None or not came_to_its_end:
        reason, remedy = "the preview did not come to its end", "mend the preview first"
        unseen = [could_not_check(g, reason, remedy=remedy) for g in (protected.GATE, cost.GATE)]
        return [*results, *unseen], Planned(None, 0)
    results += [protected.judge(section.changes), _of_cost(target, engine.run)]
    # Where a policy refuses, the engine saves none.
    digest = plan_digest(program.plan) if program.plan.exists() else None
    return results, Planned(digest, len(section.changes))


def _of_alert_tests(move: Move, repository: Repository, program: Program) -> GateResult:
    if move.source is None:
        return not_demanded(alert_tests.GATE, "not asked of a rollback")
    repository.tell(f"{move.release.short_id}: scenes of its alert rules")
    return alert_tests.judge(program.folder, repository.promtool)


def _of_cost(target: Side, preview: Run) -> GateResult:
    promotion, budget = target.settings.promotion, target.settings.budget
    return cost.judge(
        bill.of_resources(target.state.resources) if target.state else None,
        bill.after_preview(preview.events),
        promotion.max_cost_increase_usd_per_hour if promotion else 0.0,
        budget.usd_per_hour if budget else None,
    )
