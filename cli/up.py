"""`moe up`: applies a promotion that was begun without, by the plan that was gated."""

from typing import Annotated

import typer

from cli.answer import answering, print_json
from cli.move import EMPTY, AsJson, document, repository, show_done
from durable.places import PACKAGE_ROOT
from promotion import author
from promotion.carry_out import alone, finish
from stacks import reading

EPILOG = (
    "Example: .venv/bin/moe up staging\n\n"
    "Exit codes: 0 applied, 1 error, 2 the plan or the file is not what was gated, 3 nothing waits."
)


def up(
    stack: Annotated[str, typer.Argument(help="The stack whose promotion waits.")],
    as_json: AsJson = False,
) -> None:
    """Apply a promotion or a rollback that was begun with --no-up, or merged from its branch.

    The stack is previewed again: only the plan that was gated is applied, any other is refused.
    """
    with answering(as_json, EMPTY):
        reading.from_file(stack)
        with repository(False) as here, alone(here, stack, "up"):
            done, proposal = finish(stack, author.current(PACKAGE_ROOT), here)
        if as_json:
            print_json(document(proposal, done))
        else:
            show_done(proposal, done)


app = typer.Typer(add_completion=False)
app.command(epilog=EPILOG)(up)
