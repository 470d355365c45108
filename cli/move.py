"""How `moe promote`, `moe rollback` and `moe up` tell what they would do, and what they did."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli import exit_codes
from cli.answer import print_json
from cli.sheet import Sheet, show_sheet
from durable.places import PACKAGE_ROOT
from promotion.carry_out import Done, How, alone, carry_out, refuse
from promotion.errors import NothingToDoError, RefusedError
from promotion.gate import GateResult, Outcome
from promotion.judge import Repository, judged
from promotion.proposal import Move, Proposal
from sandbox.reporter import Reporter, TerminalReporter, reporter_for
from sandbox.toolchain.ensure import built_promtool, ensure_prometheus

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


def run_move(move: Move, repository: Repository, how: How, *, yes: bool, as_json: bool) -> None:
    """Judges, shows, and with `yes` does it. Raises what `carry_out` raises, and typer.Exit."""
    with alone(repository, move.target, str(move)) if yes else nullcontext():
        with judged(move, repository) as found:
            proposal = found.proposal
            if not as_json:
                show_proposal(proposal)
            done, error, code = None, None, exit_codes.DONE
            try:
                if yes:
                    done = carry_out(found, repository, how)
                else:
                    refuse(proposal)
            except (RefusedError, NothingToDoError) as refusal:
                if not as_json:
                    raise
                error = str(refusal)
                refused = isinstance(refusal, RefusedError)
                code = exit_codes.REFUSED if refused else exit_codes.NOTHING_TO_DO
        if as_json:
            print_json({**document(proposal, done), "error": error})
        else:
            show_done(proposal, done)
        if code:
            raise typer.Exit(code)


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
        console.print(f"{gate.gate}: {gate.evidence}", style="red", markup=False, soft_wrap=True)
        for line in gate.details:
            console.print(f"  {line}", markup=False, soft_wrap=True)
        if gate.remedy:
            console.print(f"  what to do: {gate.remedy}", markup=False, soft_wrap=True)


def show_done(proposal: Proposal, done: Done | None) -> None:
    move = proposal.move
    if done is None:
        typer.echo(f"all gates let it pass; nothing is done yet: again with --yes does the {move}")
        return
    for commit in done.commits:
        typer.echo(f"committed as {commit[:12]}")
    if done.entry.stage == "applied":
        typer.echo(f"{move}: applied, entry {done.entry.number} of the record")
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
    return gate.gate, gate.outcome.value, f"{gate.evidence}{waived}"


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
    reporter = reporter_for(sys.stderr)
    with reporter if isinstance(reporter, TerminalReporter) else nullcontext():
        yield Repository(PACKAGE_ROOT, _promtool(build_promtool, reporter), reporter.step)


def _promtool(build: bool, reporter: Reporter) -> Path | None:
    """One on PATH, or the one that is built here."""
    if found := shutil.which("promtool", path=os.environ.get("PATH")):
        return Path(found)
    return ensure_prometheus(reporter).promtool if build else built_promtool()
