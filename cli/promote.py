"""`moe promote`: a release moves to the next stack, on evidence."""

from typing import Annotated

import typer

from catalog.project import PROJECT
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
from promotion.errors import PromotionError
from promotion.judge import Repository
from promotion.proposal import Move
from promotion.release import Release
from stacks import reading
from stacks.reading import Problem, SettingsError

EPILOG = (
    "Example: .venv/bin/moe promote dev staging; then again with --yes\n\n"
    "Exit codes: 0 done (without --yes: it would be let pass), 1 error, 2 refused by a gate, or"
    " somebody was first, 3 the target runs the release already."
)


def promote(
    source: Annotated[str, typer.Argument(help="The stack that runs the release.")],
    target: Annotated[str, typer.Argument(help="The stack that gets it.")],
    release: Annotated[
        str | None,
        typer.Option(
            help="A release's id, or its first digits; without it, what the source runs by its"
            " state."
        ),
    ] = None,
    yes: Yes = False,
    no_up: NoUp = False,
    commit: Commit = False,
    branch: Branch = None,
    promtool: Promtool = False,
    as_json: AsJson = False,
) -> None:
    """Move a release from a stack to the next, if every gate lets it pass.

    Only image digest, model revision, chart and AMI versions change in the target's file. Then
    `up` applies the very plan that was judged.
    """
    with answering(as_json, EMPTY):
        how = how_of(yes, no_up, commit, branch)
        if source == target:
            raise CommandError(f"{source} cannot be promoted to itself")
        reading.from_file(source)
        _refuse_unknown_source(target)
        with repository(promtool) as here:

            def find() -> Move:
                found = here.releases.get(release) if release else _run_by(source, here)
                return Move("promotion", source, target, found, author.current(PACKAGE_ROOT))

            run_move(target, find, here, how, yes=yes, as_json=as_json)


def _refuse_unknown_source(target: str) -> None:
    """Raises SettingsError where the target's own file names no stack that there is, or itself."""
    promotion = reading.from_file(target).promotion
    others = [stack for stack in reading.stack_names() if stack != target]
    if promotion and promotion.source and promotion.source not in others:
        file = f"stacks/{reading.stack_file(target).name}"
        allowed = f"{promotion.source} is not allowed; allowed: {', '.join(others)}"
        key = f"{PROJECT}:promotion.source"
        raise SettingsError([Problem(file, None, key, allowed)])


def _run_by(source: str, here: Repository) -> Release:
    """What the source runs by its state."""
    here.tell(f"{source}: which release it runs")
    state = here.pulumi(source).state()
    released = state.released if state else None
    if released is None:
        what = "says no release" if state and not state.is_empty else "was never deployed"
        raise PromotionError(f"stack {source} {what}: pulumi up --stack {source}")
    if (found := here.releases.of(released)) is None:
        raise PromotionError(
            f"stack {source} runs what no release names: moe release create --stack {source}"
        )
    return found


app = typer.Typer(add_completion=False)
app.command(epilog=EPILOG)(promote)
