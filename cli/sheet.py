"""A titled table: with lines on a terminal, plain lines elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gate.formats.printable import printable


@dataclass(frozen=True)
class Sheet:
    """A titled table of text; one of two columns is a list of names and their values."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def show_sheet(console: Console, sheet: Sheet, *, narrowest: int = 0) -> None:
    """Lines also on a terminal of fewer columns than `narrowest`.

    Cells may come from outside: nothing in them moves the cursor or hides.
    """
    rows = [[printable(cell) for cell in row] for row in sheet.rows]
    if not console.is_terminal or console.width < narrowest:
        console.print(sheet.title, soft_wrap=True)
        for row in rows:
            console.print(f"  {_line(sheet.columns, row)}", soft_wrap=True, markup=False)
        return
    table = Table(title=sheet.title, title_justify="left", title_style="bold")
    for index, column in enumerate(sheet.columns):
        table.add_column(column, overflow="fold", style="cyan" if index == 0 else None)
    for row in rows:
        # Of text, a name such as "renovate[bot]" would lose what looks like markup.
        table.add_row(*map(Text, row))
    console.print(table)


def _line(columns: Sequence[str], row: Sequence[str]) -> str:
    cells = [row] if len(columns) == 2 else zip(columns, row, strict=True)
    return "  ".join(f"{name}: {value}" for name, value in cells)
