"""`moe history verify`: whether records are what was written."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

from cli import exit_codes
from cli.answer import answering, print_json, say_error
from cli.history_show import named
from durable.places import PACKAGE_ROOT
from promotion.errors import PromotionError
from promotion.pulumi_stack import PulumiStack
from promotion.release_store import ReleaseStore
from promotion.verify import Verified, verified
from sandbox.reporter import Reporter, reporting
from stacks import reading

EPILOG = (
    "Example: .venv/bin/moe history verify staging\n\n"
    "Exit codes of verify: 0 intact, 1 error (Pulumi cannot be asked), 2 tampering found,"
    " 3 no record."
)
_UNSEEN = (
    "Pulumi was not asked: that the end of a record was cut off, or all of it written anew, cannot"
    " be seen so"
)


@dataclass(frozen=True, slots=True)
class _Found:
    """`not_asked` says why Pulumi's history could not be had; empty where it was, or not wanted."""

    record: Verified
    not_asked: str = ""

    @property
    def is_there(self) -> bool:
        return bool(self.record.entries or self.record.problems)


def verify(
    stack: Annotated[
        str | None, typer.Argument(help="All stacks that have a record or a file, if left out.")
    ] = None,
    offline: Annotated[
        bool,
        typer.Option(
            "--offline",
            help="Do not ask Pulumi's history: then it cannot be seen that the end of a record"
            " was cut off, or that all of it was written anew.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on standard output.")
    ] = False,
) -> None:
    """Find what was changed in a record after it was written, removed from it, or put into it.

    Each entry holds the hash of the one before; Pulumi's history holds that of each that an `up`
    has deployed.
    """
    empty: Mapping[str, Any] = {"error": None, "problems": [], "stacks": []}
    with answering(as_json, empty):
        with reporting() as reporter:
            found = [_look(name, reporter, offline=offline) for name in _meant(stack)]
        there = [each.record for each in found if each.is_there]
        error = "\n".join(dict.fromkeys(each.not_asked for each in found if each.not_asked))
        if as_json:
            print_json({**empty, "error": error or None, "stacks": list(map(_document, there))})
        else:
            _tell(there, offline=offline)
            if error:
                say_error(error)
        if any(record.problems for record in there):
            raise typer.Exit(exit_codes.REFUSED)
        if error:
            raise typer.Exit(exit_codes.ERROR)
        if not there:
            raise typer.Exit(exit_codes.NOTHING_TO_DO)


def _meant(stack: str | None) -> Sequence[str]:
    """Also those with a file alone: the whole record may have been removed."""
    names = named(stack)
    return names if stack else sorted({*names, *reading.stack_names()})


def _look(stack: str, reporter: Reporter, *, offline: bool) -> _Found:
    """What the files alone show is told also where Pulumi cannot be asked."""
    updates, not_asked = None, ""
    if not offline:
        reporter.step(f"Pulumi's history of {stack}")
        try:
            updates = PulumiStack.of(stack, PACKAGE_ROOT).updates()
        except PromotionError as error:
            not_asked = f"{error}; --offline looks at the files alone"
    record = verified(PACKAGE_ROOT, stack, updates, ReleaseStore(PACKAGE_ROOT))
    return _Found(record, not_asked)


def _document(record: Verified) -> Mapping[str, Any]:
    return {
        "stack": record.stack,
        "entries": record.entries,
        "intact": not record.problems,
        "problems": list(map(asdict, record.problems)),
        "asked_pulumi": record.anchored is not None,
        "anchored": record.anchored,
    }


def _tell(records: Sequence[Verified], *, offline: bool) -> None:
    for record in records:
        count = len(record.problems)
        verdict = f"{count} thing{'s' * (count != 1)} wrong" if count else "intact"
        typer.secho(
            f"{record.stack}: {verdict}; entries: {record.entries}", fg="red" if count else "green"
        )
        for problem in record.problems:
            typer.echo(f"  {problem}")
        if record.anchored is not None:
            typer.echo(f"  {_anchors(record.anchored)}")
    if not records:
        typer.echo("no record: nothing was promoted yet")
    if offline:
        typer.echo(_UNSEEN)


def _anchors(numbers: Sequence[int]) -> str:
    if not numbers:
        return "anchored in Pulumi's history: none; nothing shows that the record was cut off"
    return (
        f"anchored in Pulumi's history: {len(numbers)}, the last is entry {numbers[-1]}; nothing"
        " shows what was cut off behind it"
    )
