"""`moe history`: what the records of stacks say."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console

from cli import exit_codes
from cli.answer import answering, print_json
from cli.sheet import Sheet, show_sheet
from durable.places import PACKAGE_ROOT
from gate.formats.printable import one_line
from promotion.gate import Outcome
from promotion.record import Entry, Record, recorded_stacks
from promotion.release import SHOWN_DIGITS
from stacks import reading

EPILOG = (
    "Example: .venv/bin/moe history staging --json | jq '.stacks[].entries[-1]'\n\n"
    "Exit codes: 0 done, 1 error (an entry that cannot be read is one), 3 no record.\n\n"
    "A stack that is called as a command here: moe history show verify."
)
_TABLE_WIDTH = 140
_COLUMNS = ("number", "when", "who", "what", "release", "stage", "gates waived", "plan")


def show(
    stack: Annotated[
        str | None, typer.Argument(help="All stacks that have a record when it is left out.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on standard output.")
    ] = False,
) -> None:
    """Show who moved what to a stack, when, and on which evidence: the newest last."""
    empty: Mapping[str, Any] = {"error": None, "problems": [], "stacks": []}
    with answering(as_json, empty):
        records = {name: list(Record(PACKAGE_ROOT, name)) for name in named(stack)}
        found = {name: entries for name, entries in records.items() if entries}
        if as_json:
            print_json({**empty, "stacks": [_document(*each) for each in found.items()]})
        elif found:
            console = Console(highlight=False)
            for name, entries in found.items():
                sheet = Sheet(f"Record of {name}", _COLUMNS, list(map(_row, entries)))
                show_sheet(console, sheet, narrowest=_TABLE_WIDTH)
        else:
            typer.echo(f"no record: nothing was promoted to {stack or 'any stack'} yet")
        if not found:
            raise typer.Exit(exit_codes.NOTHING_TO_DO)


def named(stack: str | None) -> Sequence[str]:
    """Those that are meant; raises SettingsError for one that has neither a record nor a file."""
    recorded = recorded_stacks(PACKAGE_ROOT)
    if stack is None:
        return recorded
    if stack not in recorded and stack not in reading.stack_names():
        reading.from_file(stack)
    return [stack]


def _document(stack: str, entries: Sequence[Entry]) -> Mapping[str, Any]:
    dumped = [{**each.model_dump(mode="json"), "hash": each.hash} for each in entries]
    return {"stack": stack, "entries": dumped}


def _row(entry: Entry) -> Sequence[str]:
    waived = [each.gate for each in entry.gates if each.outcome == Outcome.WAIVED]
    return (
        str(entry.number),
        entry.at,
        one_line(entry.by),
        _what(entry),
        entry.release[:SHOWN_DIGITS],
        entry.stage,
        one_line(", ".join(waived)) or "-",
        entry.plan[:SHOWN_DIGITS] if entry.plan else "-",
    )


def _what(entry: Entry) -> str:
    way = f"{entry.source} -> {entry.target}" if entry.source else f"of {entry.target}"
    why = f": {entry.why}" if entry.why else ""
    return one_line(f"{entry.kind} {way}{why}")
