"""`moe status`: what runs where, on one screen and as a page."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli import exit_codes
from cli.answer import CommandError, answering, print_json
from durable.places import PACKAGE_ROOT
from promotion.pulumi_stack import PulumiStack
from promotion.status import words
from promotion.status.asking import Asking, of_pulumi, status_of
from promotion.status.document import document, empty
from promotion.status.drift import drift_seen
from promotion.status.page import write_page
from promotion.status.report import DriftSeen, Report, StackStatus, Standing
from sandbox.reporter import reporting
from stacks import reading

EPILOG = (
    "Example: .venv/bin/moe status --html status.html\n\n"
    "Exit codes: 0 done, 1 error (a stack that could not be asked, or whose newest update failed,"
    " is one), 2 drift was found, 3 no stack has a file."
)
_COLUMNS = ("stack", "state", "release", "runs for", "soak", "drift", "waivers", "USD an hour")
_TABLE_WIDTH = 100
"""Columns of a terminal in which no word of a usual table is broken."""
_COLOURS = {
    Standing.READY: "green",
    Standing.SETTLED: "green",
    Standing.SOAKING: "cyan",
    Standing.UPDATING: "cyan",
    Standing.NO_RELEASE: "yellow",
    Standing.NOT_DEPLOYED: "dim",
}


def status(
    drift: Annotated[
        bool, typer.Option("--drift", help="Look for drift too: a refresh of each, minutes.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(help="Write it as a page to publish, too.", dir_okay=False)
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on standard output.")
    ] = False,
) -> None:
    """Show what every stack runs: release, age, soak left, waivers, cost, and what is wrong."""
    with answering(as_json, {**empty(), "error": None, "problems": []}):
        if html is not None and not html.absolute().parent.is_dir():
            raise CommandError(f"--html {html}: {html.parent} is no folder")
        names = reading.stack_names()
        with _steps() as told:
            asking = Asking(PACKAGE_ROOT, of_pulumi(PACKAGE_ROOT), _drift if drift else None, told)
            report = status_of(names, asking)
        if html is not None:
            _write(html, report)
        if as_json:
            said = document(report, None if html is None else str(html))
            print_json({**said, "error": _error(report), "problems": []})
        else:
            _show(Console(highlight=False), report)
        raise typer.Exit(_exit_code(report))


def _drift(stack: str) -> DriftSeen:
    return drift_seen(PulumiStack.of(stack, PACKAGE_ROOT))


def _exit_code(report: Report) -> int:
    """Of a stack with a problem nobody knows all, so it comes before drift."""
    if not report.stacks:
        return exit_codes.NOTHING_TO_DO
    if report.has_problems:
        return exit_codes.ERROR
    return exit_codes.REFUSED if report.has_drift else exit_codes.DONE


def _error(report: Report) -> str | None:
    broken = [each.stack for each in report.stacks if each.problems]
    return f"problems with {', '.join(broken)}" if broken else None


def _write(path: Path, report: Report) -> None:
    try:
        write_page(path, report)
    except OSError as error:
        raise CommandError(f"--html {path}: {error.strerror or error}") from None


@contextmanager
def _steps() -> Iterator[Callable[[str], None]]:
    with reporting() as reporter:
        yield reporter.step


def _show(console: Console, report: Report) -> None:
    if console.is_terminal and console.width < _TABLE_WIDTH:
        for each in report.stacks:
            console.print(_block(each))
    elif console.is_terminal:
        console.print(_table(report))
    else:
        for each in report.stacks:
            cells = zip(_COLUMNS[1:], _cells(each)[1:], strict=True)
            said = "  ".join(f"{name}: {value}" for name, value in cells)
            console.print(f"{each.stack}  {said}", soft_wrap=True, markup=False)
    for text, stacks in _notes(report).items():
        console.print(f"! {', '.join(stacks)}: {text}", soft_wrap=True, markup=False)
    console.print(
        "; ".join(part for part, _ in words.summary(report)), soft_wrap=True, markup=False
    )


def _table(report: Report) -> Table:
    title = f"Stacks at {words.moment(report.asked_at)}"
    table = Table(title=title, title_justify="left", title_style="bold")
    for name in _COLUMNS:
        table.add_column(name, justify="right" if name == _COLUMNS[-1] else "left", overflow="fold")
    for each in report.stacks:
        stack, standing, *others = _cells(each)
        table.add_row(
            Text(stack, "cyan"), Text(standing, _colour(each.standing)), *map(Text, others)
        )
    return table


def _block(status: StackStatus) -> Group:
    """A stack in a narrow terminal: its name and state, and below them what there is to tell."""
    stack, standing, *others = _cells(status)
    known = [
        f"{name}: {value}"
        for name, value in zip(_COLUMNS[2:], others, strict=True)
        if value != words.NOTHING
    ]
    named = ((stack, "bold cyan"), "  ", (standing, _colour(status.standing)))
    return Group(Text.assemble(*named), Padding(Text(", ".join(known)), (0, 0, 0, 2)))


def _colour(standing: Standing) -> str:
    return _COLOURS.get(standing, "bold red")


def _cells(status: StackStatus) -> tuple[str, ...]:
    """As _COLUMNS are."""
    return (
        status.stack,
        status.standing.value,
        words.release(status),
        words.age(status),
        words.soaks(status),
        words.drift(status),
        words.waivers(status),
        words.cost(status),
    )


def _notes(report: Report) -> dict[str, list[str]]:
    """Each once, with the stacks that it is about: a missing `pulumi` is the same for all."""
    found: dict[str, list[str]] = {}
    for each in report.stacks:
        for note in words.notes(each):
            found.setdefault(note, []).append(each.stack)
    return found


app = typer.Typer(add_completion=False)
app.command(epilog=EPILOG)(status)
