"""The report for a person: tables and colours on a terminal, plain lines in a log."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gate.formats.findings import (
    Found,
    Standing,
    because_of,
    found,
    riskiest_first,
    shown_cost,
    shown_operation,
    tally,
)
from gate.formats.printable import one_line, printable
from gate.report import Outcome, Report, Section

_COLOURS: dict[str, str] = {
    Outcome.PASSED: "green",
    Outcome.REFUSED: "red",
    Outcome.ERROR: "red",
    Outcome.SKIPPED: "yellow",
    Standing.NOT_CHECKED: "red",
    Standing.WAIVED: "yellow",
}


@dataclass(frozen=True)
class _Sheet:
    """A titled table of text; only the last cell of a row may have several lines."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def render(report: Report, *, color: bool) -> str:
    """With `color` as wide as the terminal is, else one line a thing."""
    sheets = [sheet for section in report.sections for sheet in _sheets(section)]
    findings = [_finding(each) for each in found(report)]
    sheets.append(_Sheet("Findings", ("finding", "of", "what, and what to do"), findings))
    sheets = [sheet for sheet in sheets if sheet.rows]
    return _tables(sheets, report) if color else "\n".join([*_lines(sheets), _verdict(report), ""])


def _sheets(section: Section) -> Iterator[_Sheet]:
    name = one_line(section.name)
    against = f" against {one_line(section.base)}" if section.base else ""
    yield _Sheet(
        f"{name}: {section.outcome}",
        ("outcome", "step", "what"),
        [
            (
                each.outcome,
                one_line(each.name),
                f"{printable(each.summary)} ({each.duration_s:.1f} s)",
            )
            for each in section.steps
        ],
    )
    yield _Sheet(
        f"{name}: changes{against}",
        ("change", "resource", "because of"),
        [
            (
                one_line(shown_operation(each)),
                f"{one_line(each.type)} {one_line(each.name)}",
                one_line(because_of(each)),
            )
            for each in riskiest_first(section.changes)
        ],
    )
    yield _Sheet(
        f"{name}: USD an hour{against}",
        ("at", "before and after"),
        [(one_line(each.at), shown_cost(each)) for each in section.costs],
    )
    yield _Sheet(
        f"{name}: waivers",
        ("policy", "resource", "what"),
        [
            (
                one_line(each.policy),
                one_line(each.resource),
                one_line(each.shown()) + (" (unused)" if each in section.unused_waivers else ""),
            )
            for each in section.waivers
        ],
    )


def _finding(each: Found) -> tuple[str, str, str]:
    item = each.item
    what = [printable(item.message)]
    if item.remediation:
        what.append(f"fix: {printable(item.remediation)}")
    if item.place:
        line = "" if item.place.line is None else f":{item.place.line}"
        what.append(f"at {one_line(item.place.file)}{line}")
    if item.url:
        what.append(f"see {one_line(item.url)}")
    if item.waiver:
        what.append(one_line(item.waiver.shown()))
    whose = (each.section.name, item.severity, item.rule, item.resource)
    return each.standing, " ".join(one_line(word) for word in whose if word), "\n".join(what)


def _verdict(report: Report) -> str:
    return f"{report.outcome}: {tally(report)}"


def _lines(sheets: Sequence[_Sheet]) -> Iterator[str]:
    for sheet in sheets:
        yield sheet.title
        for row in sheet.rows:
            first, *rest = row[-1].split("\n")
            yield f"  {'  '.join(row[:-1])}: {first}"
            yield from (f"      {line}" for line in rest)


def _tables(sheets: Sequence[_Sheet], report: Report) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, highlight=False)
    for sheet in sheets:
        table = Table(title=Text(sheet.title, "bold"), title_justify="left")
        for column in sheet.columns:
            table.add_column(column, overflow="fold")
        for row in sheet.rows:
            table.add_row(*(Text(cell, _COLOURS.get(cell, "")) for cell in row))
        console.print(table)
    console.print(Text(_verdict(report), f"bold {_COLOURS[report.outcome]}"), soft_wrap=True)
    return out.getvalue()
