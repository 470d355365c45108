"""Checks one stack: settings, base, preview, policies, changes, alert rules, cost, waivers."""

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gate.policy_config import PolicyConfig
from gate.report import (
    Change,
    CostChange,
    Item,
    Outcome,
    Place,
    Section,
    Step,
    judged,
    of_policies,
    unused,
)
from gate.stacks import alert_rules, events, git, program
from gate.stacks.costs import cost_changes
from gate.stacks.engine import Engine, Run, Session
from gate.stacks.engine_kind import waits_for_gpus
from policies.finding import Kind
from policies.pack import NAME, Pack
from stacks import reading
from stacks.reading import SettingsError
from stacks.settings import Settings

_LAST_LINES = 6
_OWN_STATE = "the stack's own state"


@dataclass(frozen=True, slots=True)
class Asked:
    """`root` is the tree that has the change, `base` the commit to compare it with, if any."""

    root: Path
    engine: Engine
    base: str | None = None
    policy_config: PolicyConfig = field(default_factory=PolicyConfig)
    policy_config_file: Path | None = None
    promtool: Path | None = None
    tell: Callable[[str], None] = lambda text: None


@dataclass
class _Findings:
    """What has been found out about a stack so far."""

    stack: str
    steps: list[Step] = field(default_factory=list)
    base: str = ""
    changes: Sequence[Change] = ()
    costs: Sequence[CostChange] = ()

    @property
    def place(self) -> Place:
        return Place(str(reading.stack_file(self.stack, Path(program.STACKS))))

    def section(self, settings: Settings | None) -> Section:
        waivers = settings.waivers if settings else ()
        return Section(
            self.stack,
            self.steps,
            self.base,
            self.changes,
            self.costs,
            waivers,
            unused(waivers, self.steps),
        )


def check(stack: str, asked: Asked) -> Section:
    found = _Findings(stack)
    asked.tell(f"{stack}: settings")
    try:
        settings = reading.from_file(stack, asked.root / program.STACKS)
    except SettingsError as error:
        items = [_of_problem(problem) for problem in error.problems]
        summary = f"refused: {len(items)} values cannot work"
        found.steps.append(Step("settings", Outcome.ERROR, summary, items))
        return found.section(None)
    found.steps.append(Step("settings", Outcome.PASSED, "the stack's file can work"))
    with asked.engine.session(stack) as session, _folder() as folder:
        before = _base(found, asked, session, folder / "base")
        _preview(found, asked, session, folder / "change", settings)
    found.costs = cost_changes(before, settings)
    return found.section(settings)


def _base(found: _Findings, asked: Asked, session: Session, folder: Path) -> Settings | None:
    """Bring the base up, for the preview to be a comparison; its settings where they are known."""
    if not asked.engine.works_on_copies:
        found.base = _OWN_STATE
        return None
    reason = "no base to compare with: no changes are told"
    if asked.base is not None:
        started_s = time.monotonic()
        asked.tell(f"{found.stack}: up of {asked.base[:12]}, to compare with")
        folder.mkdir()
        git.extract(asked.root, asked.base, folder)
        if not reading.stack_file(found.stack, folder / program.STACKS).exists():
            reason = f"{asked.base[:12]} has no stack {found.stack}: all of it is new"
        else:
            before = _settings_if_readable(folder, found.stack)
            if before is None:
                reason = f"{asked.base[:12]}: its settings cannot be read"
                found.steps.append(Step("base", Outcome.SKIPPED, reason))
                return None
            program.without_account(folder, found.stack)
            run = session.up(folder, before)
            if run.exit_code == 0:
                found.base = asked.base[:12]
                summary = f"{found.base} is up, and is what changes are measured against"
                took_s = time.monotonic() - started_s
                found.steps.append(Step("base", Outcome.PASSED, summary, duration_s=took_s))
                return before
            reason = f"{asked.base[:12]} did not come up: {_why(run)}"
    found.steps.append(Step("base", Outcome.SKIPPED, reason))
    return None


def _preview(
    found: _Findings, asked: Asked, session: Session, folder: Path, settings: Settings
) -> None:
    asked.tell(f"{found.stack}: preview with the policies mandatory")
    if asked.engine.works_on_copies:
        program.copy(asked.root, git.files(asked.root), folder)
        program.without_account(folder, found.stack)
    else:
        folder = asked.root
    started_s = time.monotonic()
    run = session.preview(folder, settings, asked.policy_config_file)
    took_s = time.monotonic() - started_s
    pack = Pack(levels=asked.policy_config.levels)
    items = events.findings(run.events, pack, settings.waivers, found.place)
    items += events.remedies(run.events, found.place)
    outcome, summary = _how_it_ended(run, items)
    found.steps.append(Step("preview", outcome, summary, duration_s=took_s))
    found.steps.append(of_policies(items))
    if not run.events:
        return
    if found.base:
        found.changes = events.changes(run.events)
        waits = list(waits_for_gpus(run.events, found.place))
        found.steps.append(_of_changes(found.changes, waits, found.place))
    rules = alert_rules.declared(run.events)
    found.steps.append(_of_alert_rules(rules, found.place))
    found.steps.append(_of_promtool(rules, asked.promtool, found.place))


def _how_it_ended(run: Run, items: Sequence[Item]) -> tuple[Outcome, str]:
    """Passed where the engine came to its end, be it that the policies refused there.

    A preview that the pack has not judged to its end is an error, whatever its exit code, but
    where only what is protected stopped it: that needs no second opinion.
    """
    if at_fault := events.at_fault(run.events):
        if at_fault <= {change.urn for change in _blocked(events.changes(run.events))}:
            stopped = "the engine stops at what is protected; no policy has seen the whole stack"
            return Outcome.REFUSED, stopped
        return Outcome.ERROR, _why(run)
    refused_by_engine = any(item.refuses and item.kind == Kind.VIOLATION.value for item in items)
    if run.exit_code != 0 and not refused_by_engine:
        return Outcome.ERROR, _why(run)
    if NAME not in events.judged_by(run.events):
        return Outcome.ERROR, f"the engine has not run the policy pack {NAME}; {_why(run)}"
    return Outcome.PASSED, "the engine planned it"


def _of_changes(changes: Sequence[Change], items: Sequence[Item], place: Place) -> Step:
    """Replacing or deleting what is protected cannot succeed, so it refuses."""
    blocked = [_refusal(change, place) for change in _blocked(changes)]
    counts = Counter(change.operation for change in changes)
    summary = ", ".join(f"{operation} {n}" for operation, n in counts.items()) or "nothing changes"
    return judged("changes", [*blocked, *items], summary)


def _blocked(changes: Sequence[Change]) -> list[Change]:
    return [
        change
        for change in changes
        if change.protected and change.operation in ("replace", "delete")
    ]


def _refusal(change: Change, place: Place) -> Item:
    kind = change.type.rsplit(":", 1)[-1]
    cause = f" for {', '.join(change.replace_keys)}" if change.replace_keys else ""
    return Item(
        rule="protected-resource",
        kind=Kind.VIOLATION.value,
        level="mandatory",
        severity="critical",
        resource=change.name,
        urn=change.urn,
        message=f'{kind} "{change.name}" is protected, and this change would {change.operation}'
        f" it{cause}",
        refuses=True,
        remediation="leave what forces it as it was, or take `protect` off by a change of its own",
        place=place,
    )


def _of_alert_rules(rules: Sequence[alert_rules.Rules], place: Place) -> Step:
    count = sum(1 for each in rules for _ in each.rules)
    return judged(
        "alert rules",
        alert_rules.check(rules, place),
        f"{count} rules checked against the metrics that are exported",
    )


def _of_promtool(rules: Sequence[alert_rules.Rules], promtool: Path | None, place: Place) -> Step:
    if not rules:
        return Step("promtool", Outcome.PASSED, "no PrometheusRule to read")
    if promtool is None:
        reason = "promtool is not built here; --promtool builds it, once, in minutes"
        return Step("promtool", Outcome.SKIPPED, reason)
    items = alert_rules.refused_by(promtool, rules, place)
    return judged("promtool", items, f"{len(rules)} PrometheusRules read as Prometheus would")


def _of_problem(problem: reading.Problem) -> Item:
    return Item(
        rule=problem.key,
        kind=Kind.VIOLATION.value,
        level="mandatory",
        severity="high",
        resource="stack",
        urn="",
        message=problem.message,
        refuses=True,
        place=Place(problem.file, problem.line),
    )


def _settings_if_readable(root: Path, stack: str) -> Settings | None:
    """Of the base: None where today's settings cannot read them."""
    try:
        return reading.from_file(stack, root / program.STACKS)
    except SettingsError:
        return None


def _why(run: Run) -> str:
    """What went wrong, or the last that was printed."""
    return "; ".join(events.errors(run.events)) or "\n".join(
        run.output.strip().splitlines()[-_LAST_LINES:]
    )


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="moe-check-") as folder:
        yield Path(folder)
