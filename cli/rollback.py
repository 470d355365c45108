"""`moe rollback`: back to a release that the stack ran before, by the same path."""

from typing import Annotated

import typer

from cli.answer import CommandError, answering, print_json
from cli.move import (
    EMPTY,
    AsJson,
    Branch,
    Commit,
    NoUp,
    Promtool,
    Yes,
    how_of,
    repository,
    run_move,
)
from durable.places import PACKAGE_ROOT
from promotion import author
from promotion.carry_out import How, alone, give_up
from promotion.judge import Repository
from promotion.proposal import Move
from promotion.record import Entry
from promotion.release import SHOWN_DIGITS
from promotion.rollback import release_to_go_back_to, to_give_up
from stacks import reading

EPILOG = (
    'Example: .venv/bin/moe rollback prod --why "p99 of first tokens doubled" --yes\n\n'
    "Exit codes: 0 done (without --yes: it would be let pass), 1 error, 2 refused by a gate, or"
    " somebody was first, 3 there is nothing to go back to."
)


def rollback(
    stack: Annotated[str, typer.Argument(help="The stack to bring back.")],
    to: Annotated[
        str | None,
        typer.Option(
            help="A release that the stack ran before; without it the one before the last."
        ),
    ] = None,
    why: Annotated[str, typer.Option(help="Goes into the record; needed with --yes.")] = "",
    yes: Yes = False,
    no_up: NoUp = False,
    commit: Commit = False,
    branch: Branch = None,
    promtool: Promtool = False,
    as_json: AsJson = False,
) -> None:
    """Bring a stack back to a release that it ran before, its program included.

    What only time or other people can give is not asked (source, soak, drift, quiet alerts,
    approvals); whether it ran there, committed files, record, program, settings, preview,
    policies, protected resources, alert rules and cost are.
    """
    with answering(as_json, EMPTY):
        how = how_of(yes, no_up, commit, branch)
        if yes and not why:
            raise CommandError("--why: missing; allowed: a few words for the record")
        reading.from_file(stack)
        with repository(promtool) as here:
            if to is None and (opened := to_give_up(stack, here)):
                _give_up(opened, why, here, how, yes=yes, as_json=as_json)
                return

            def find() -> Move:
                found = release_to_go_back_to(stack, to, here)
                return Move("rollback", None, stack, found, author.current(PACKAGE_ROOT), why)

            run_move(stack, find, here, how, yes=yes, as_json=as_json)


def _give_up(
    opened: Entry, why: str, here: Repository, how: How, *, yes: bool, as_json: bool
) -> None:
    """Of the first promotion of a stack, which has nothing to go back to."""
    if how.branch:
        raise CommandError(
            f"--branch: {opened.target} has never run a release, so its promotion is only given up,"
            " in the record: --commit"
        )
    done = None
    if yes:
        with alone(here, opened.target, "gives a promotion up"):
            done = give_up(opened, author.current(PACKAGE_ROOT), why, here, how)
    if as_json:
        said = {key: getattr(opened, key) for key in ("kind", "source", "target", "release")}
        told = {"entry": done.entry.model_dump(), "commits": list(done.commits)} if done else {}
        print_json({**EMPTY, **said, **told})
        return
    what = f"{opened.kind} of {opened.release[:SHOWN_DIGITS]} to {opened.target}"
    if done is None:
        typer.echo(
            f"{opened.target} has never run a release, so there is none to go back to: --yes gives"
            f" the {what} up, begun at {opened.at}"
        )
        return
    typer.echo(
        f"{what}: given up, entry {done.entry.number} of the record; its values stay in the stack's"
        " file until the next promotion, or until you take them back"
    )


app = typer.Typer(add_completion=False)
app.command(epilog=EPILOG)(rollback)
