"""How `moe promote`, `moe rollback` and `moe up` tell what they would do, and what they did."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli import exit_codes
from cli.answer import INTERRUPTED, CommandError, print_json
from cli.sheet import Sheet, show_sheet
from durable.places import PACKAGE_ROOT
from gate.formats.printable import one_line, printable
from promotion.carry_out import (
    Done,
    How,
    alone,
    carry_out,
    refuse,
    refuse_another,
    rest_committed,
)
from promotion.errors import NothingToDoError, PromotionError, RefusedError
from promotion.gate import GateResult, Outcome
from promotion.gates import committed
from promotion.judge import Judged, Repository, judged
from promotion.proposal import Move, Proposal
from promotion.record import open_entry
from promotion.release import SHOWN_DIGITS
from sandbox.reporter import Reporter, reporting
from sandbox.toolchain.ensure import built_promtool, ensure_prometheus
from stacks.reading import stack_file

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; else only show what it would do.")]
NoUp = Annotated[
    bool,
    typer.Option("--no-up", help="Write file and record alone; `moe up STACK` applies them."),
]
Commit = Annotated[
    bool, typer.Option("--commit", help="Commit what is written, with the report as message.")
]
Branch = Annotated[
    str | None,
    typer.Option(
        help="Commit to a new branch instead, for a pull request: nothing here changes, and no up"
        " is done; `moe up STACK` applies it once it is merged."
    ),
]
Promtool = Annotated[
    bool, typer.Option("--promtool", help="Build promtool where it is not built yet: minutes.")
]

EMPTY: dict[str, Any] = {
    "error": None,
    "problems": [],
    "kind": None,
    "source": None,
    "target": None,
    "release": None,
    "replaces": None,
    "changes": [],
    "gates": [],
    "plan": None,
    "done": False,
    "entry": None,
    "commits": [],
}
_COLOURS = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "red",
    Outcome.COULD_NOT_CHECK: "red",
    Outcome.WAIVED: "yellow",
    Outcome.NOT_DEMANDED: "dim",
}


def how_of(yes: bool, no_up: bool, commit: bool, branch: str | None) -> How:
    """Raises CommandError where options contradict each other."""
    if not yes and (no_up or commit or branch):
        raise CommandError("--no-up, --commit and --branch say how to do it: add --yes")
    if branch and (commit or no_up):
        raise CommandError("--branch commits, and does no up: leave out --commit and --no-up")
    return How(up=not no_up, commit=commit, branch=branch)


def run_move(
    stack: str,
    find: Callable[[], Move],
    here: Repository,
    how: How,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """Judges the move that `find` finds, shows it, and with `yes` does it.

    Raises what `carry_out` raises, and typer.Exit.
    """

    def do(found: Judged) -> Done | None:
        if yes:
            with rest_committed(how, here, stack, *_unless_edited(found.proposal, here)):
                return carry_out(found, here, how)
        refuse(found.proposal)
        return None

    with alone(here, stack, "moves a release") if yes else nullcontext():
        move = find()
        # Known at once, and judging takes a minute.
        refuse_another(open_entry(here.record(stack)), move)
        with judged(move, here) as found:
            answer(found, do, here, how, as_json=as_json)


def _unless_edited(proposal: Proposal, here: Repository) -> list[Path]:
    """The stack's file, where it has nothing that a person must commit."""
    if any(gate.gate == committed.GATE for gate in proposal.refusing):
        return []
    return [stack_file(proposal.move.target, here.root / "stacks")]


def answer(
    found: Judged,
    do: Callable[[Judged], Done | None],
    here: Repository,
    how: How,
    *,
    as_json: bool,
) -> None:
    """Shows a proposal and does it; with `as_json` a refusal has all of it too.

    `entry` is then the record's last one, be it of this move or of one before.
    """
    if not as_json:
        show_proposal(found.proposal)
        show_done(found.proposal, do(found), how)
        return
    try:
        print_json(document(found.proposal, do(found)))
    except (RefusedError, NothingToDoError, PromotionError, KeyboardInterrupt) as error:
        last = here.record(found.proposal.move.target).last
        entry = last.model_dump() if last else None
        print_json(
            {**document(found.proposal, None), "entry": entry, "error": str(error) or INTERRUPTED}
        )
        raise typer.Exit(_code(error)) from None


def _code(error: BaseException) -> int:
    if isinstance(error, NothingToDoError):
        return exit_codes.NOTHING_TO_DO
    return exit_codes.REFUSED if isinstance(error, RefusedError) else exit_codes.ERROR


def show_proposal(proposal: Proposal) -> None:
    console, move = Console(highlight=False), proposal.move
    title = f"{str(move)[:1].upper()}{str(move)[1:]}"
    rows = [(each.key, each.before or "", each.after or "") for each in proposal.changes]
    columns = ("key", "before", "after")
    if rows:
        show_sheet(console, Sheet(title, columns, rows))
    else:
        console.print(f"{title}: no key of the stack's file changes")
    program = [each for each in proposal.differs if each.key in ("program", "alert_rules")]
    for each in program:
        console.print(f"  {each.key}: {each.before or 'nothing'} -> {each.after}", soft_wrap=True)
    show_sheet(
        console,
        Sheet("Gates", ("gate", "outcome", "evidence"), [_row(gate) for gate in proposal.gates]),
    )
    for gate in proposal.refusing:
        evidence = one_line(gate.evidence)
        console.print(f"{gate.gate}: {evidence}", style="red", markup=False, soft_wrap=True)
        for line in gate.details:
            # Some are lines of a document, whose depth says something.
            console.print(f"  {printable(line)}", markup=False, soft_wrap=True)
        if gate.remedy:
            console.print(f"  what to do: {one_line(gate.remedy)}", markup=False, soft_wrap=True)


def show_done(proposal: Proposal, done: Done | None, how: How) -> None:
    move = proposal.move
    if done is None:
        typer.echo(f"all gates let it pass; nothing is done yet: again with --yes does the {move}")
        return
    for commit in done.commits:
        typer.echo(f"committed as {commit[:SHOWN_DIGITS]}")
    if done.entry.stage == "applied":
        typer.echo(f"{move}: applied, entry {done.entry.number} of the record")
    elif how.branch:
        typer.echo(
            f"{move}: nothing has changed here; push branch {how.branch}, and once it is merged,"
            f" moe up {move.target} applies it, by the plan that was gated"
        )
    else:
        typer.echo(f"{move}: begun; moe up {move.target} applies it, by the plan that was gated")


def document(proposal: Proposal, done: Done | None) -> dict[str, Any]:
    move = proposal.move
    return {
        **EMPTY,
        "kind": move.kind,
        "source": move.source,
        "target": move.target,
        "release": move.release.id,
        "replaces": proposal.replaces.id if proposal.replaces else None,
        "changes": [asdict(each) for each in proposal.changes],
        "gates": [_gate(gate) for gate in proposal.gates],
        "plan": proposal.plan,
        "done": done is not None and done.entry.stage == "applied",
        "entry": done.entry.model_dump() if done else None,
        "commits": list(done.commits) if done else [],
    }


def _row(gate: GateResult) -> tuple[str, str, str]:
    waived = f" ({gate.waiver.shown()})" if gate.waiver else ""
    return gate.gate, gate.outcome.value, one_line(f"{gate.evidence}{waived}")


def _gate(gate: GateResult) -> dict[str, Any]:
    return {
        "gate": gate.gate,
        "outcome": gate.outcome.value,
        "evidence": gate.evidence,
        "details": list(gate.details),
        "remedy": gate.remedy,
        "waiver": gate.waiver.model_dump() if gate.waiver else None,
    }


@contextmanager
def repository(build_promtool: bool) -> Iterator[Repository]:
    """The one of this checkout, with progress on standard error."""
    with reporting() as reporter:
        yield Repository(PACKAGE_ROOT, _promtool(build_promtool, reporter), reporter.step)


def _promtool(build: bool, reporter: Reporter) -> Path | None:
    """One on PATH, or the one that is built here."""
    if found := shutil.which("promtool", path=os.environ.get("PATH")):
        return Path(found)
    return ensure_prometheus(reporter).promtool if build else built_promtool()
