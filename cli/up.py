"""`moe up`: applies a promotion that was begun without, by the plan that was gated."""

from functools import partial
from typing import Annotated

import typer

from cli.answer import answering
from cli.move import EMPTY, AsJson, Commit, Promtool, answer, repository
from durable.places import PACKAGE_ROOT
from promotion import author
from promotion.carry_out import How, alone, finish, finishing, rest_committed
from promotion.judge import judged
from stacks import reading

EPILOG = (
    "Example: .venv/bin/moe up staging\n\n"
    "Exit codes: 0 applied, 1 error, 2 a gate refuses, or the plan or the file is not what was"
    " gated, 3 nothing waits."
)


def up(
    stack: Annotated[str, typer.Argument(help="The stack whose promotion waits.")],
    commit: Commit = False,
    promtool: Promtool = False,
    as_json: AsJson = False,
) -> None:
    """Apply a promotion or a rollback that was begun with --no-up, or merged from its branch.

    Every gate is asked again, and the stack is previewed again: only the plan that was gated is
    applied, any other is refused.
    """
    with answering(as_json, EMPTY):
        reading.from_file(stack)
        how = How(commit=commit)
        with repository(promtool) as here, alone(here, stack, "up"):
            with rest_committed(how, here, stack):
                entry, move = finishing(stack, author.current(PACKAGE_ROOT), here)
            with judged(move, here) as found:
                do = partial(finish, entry, repository=here, how=how)
                answer(found, do, here, how, as_json=as_json)


app = typer.Typer(add_completion=False)
app.command(epilog=EPILOG)(up)
