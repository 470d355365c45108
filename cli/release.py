"""`moe release`: what stacks have in common at one moment, by a name that is its content."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console

from cli import exit_codes
from cli.answer import answering, print_json
from cli.sheet import Sheet, show_sheet
from durable.places import PACKAGE_ROOT
from promotion.create_release import create_release
from promotion.difference import difference
from promotion.places import RELEASES
from promotion.release import SHOWN_DIGITS, Release, release_rows
from promotion.release_store import ReleaseStore

app = typer.Typer(
    add_completion=False,
    help="Name what a stack runs, so that it can move to another one.",
    epilog=exit_codes.EXPLANATION,
    no_args_is_help=True,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Digits = Annotated[str, typer.Argument(help="A release's id, or its first digits.")]

_EMPTY: dict[str, Any] = {"error": None, "problems": []}


@app.command(
    epilog="Example: .venv/bin/moe release create --stack dev\n\n"
    "Exit codes: 0 made, 1 error, 3 a release has just this already."
)
def create(
    stack: Annotated[str, typer.Option(help="The stack whose file has the values.")],
    as_json: AsJson = False,
) -> None:
    """Make a release of a stack's file and of the commit that is checked out.

    Nothing of the account, the sizes, the network or the secrets is in it. The file that it
    writes is to be committed.
    """
    empty = {**_EMPTY, "release": None, "is_new": False}
    with answering(as_json, empty):
        release, is_new = create_release(PACKAGE_ROOT, stack)
        if as_json:
            print_json({**empty, "release": _document(release), "is_new": is_new})
        elif is_new:
            typer.echo(f"release {release.short_id}: commit {RELEASES}/{release.id}.json")
            _show(release)
        else:
            typer.echo(f"release {release.short_id} has just this already")
        if not is_new:
            raise typer.Exit(exit_codes.NOTHING_TO_DO)


@app.command(epilog="Example: .venv/bin/moe release show 3f2a91c0 --json | jq .release.settings")
def show(release: Digits, as_json: AsJson = False) -> None:
    """Show what is in a release."""
    with answering(as_json, {**_EMPTY, "release": None}):
        found = ReleaseStore(PACKAGE_ROOT).get(release)
        if as_json:
            print_json({**_EMPTY, "release": _document(found)})
        else:
            _show(found)


@app.command(
    "list",
    epilog="Example: .venv/bin/moe release list\n\nExit codes: 0 shown, 1 error, 3 there is none.",
)
def list_releases(as_json: AsJson = False) -> None:
    """List all releases of this repository."""
    with answering(as_json, {**_EMPTY, "releases": []}):
        found = list(ReleaseStore(PACKAGE_ROOT))
        if as_json:
            print_json({**_EMPTY, "releases": [_document(each) for each in found]})
        elif found:
            rows = [
                (
                    each.short_id,
                    each.contents.model,
                    each.contents.settings["model_server.image"][: SHOWN_DIGITS + 7],
                    each.contents.settings["model_server.revision"][:SHOWN_DIGITS],
                    each.git_commit[:SHOWN_DIGITS],
                )
                for each in found
            ]
            columns = ("release", "model", "image", "revision", "commit")
            show_sheet(Console(highlight=False), Sheet("Releases", columns, rows))
        else:
            typer.echo("no release yet; moe release create --stack dev makes one")
        if not found:
            raise typer.Exit(exit_codes.NOTHING_TO_DO)


@app.command(epilog="Example: .venv/bin/moe release diff 3f2a91c0 b81e44d2")
def diff(before: Digits, after: Digits, as_json: AsJson = False) -> None:
    """Show what differs between two releases; exit code 3 where nothing does."""
    with answering(as_json, {**_EMPTY, "changes": []}):
        store = ReleaseStore(PACKAGE_ROOT)
        old, new = store.get(before), store.get(after)
        changes = difference(release_rows(old), release_rows(new))
        if as_json:
            print_json({**_EMPTY, "changes": [asdict(each) for each in changes]})
        elif changes:
            rows = [(each.key, each.before or "", each.after or "") for each in changes]
            title = f"{old.short_id} -> {new.short_id}"
            show_sheet(Console(highlight=False), Sheet(title, ("key", "before", "after"), rows))
        else:
            typer.echo("nothing differs")
        if not changes:
            raise typer.Exit(exit_codes.NOTHING_TO_DO)


def _show(release: Release) -> None:
    rows = list(release_rows(release).items())
    show_sheet(Console(highlight=False), Sheet(f"Release {release.id}", ("what", "value"), rows))


def _document(release: Release) -> dict[str, Any]:
    contents = release.contents.model_dump()
    return {"id": release.id, **contents, "git_commit": release.git_commit}
