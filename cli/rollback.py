"""`moe rollback`: back to a release that the stack ran before, by the same path."""

from typing import Annotated

import typer

from cli.answer import CommandError, answering
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
from promotion.proposal import Move
from promotion.rollback import release_to_go_back_to
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

            def find() -> Move:
                found = release_to_go_back_to(stack, to, here)
                return Move("rollback", None, stack, found, author.current(PACKAGE_ROOT), why)

            run_move(stack, find, here, how, yes=yes, as_json=as_json)


app = typer.Typer(add_completion=False)
app.command(epilog=EPILOG)(rollback)
