"""How `moe check` tells what it found: the options that its commands share, and what they do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from gate.formats import Format
from gate.report import Report

AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document; the same as --format json.")
]
Form = Annotated[Format, typer.Option("--format", help="What to print on standard output.")]
Files = Annotated[
    list[Path],
    typer.Option(
        "--output",
        metavar="FILE",
        help="Write a file as well, by its suffix .json, .md, .sarif or .xml (JUnit). Repeatable.",
    ),
]
GithubSummary = Annotated[
    bool,
    typer.Option(
        "--github-summary",
        help="Append the Markdown to the job's summary, the file that GITHUB_STEP_SUMMARY names.",
    ),
]


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where a report goes. Make it before the work: what cannot be written is told at once."""

    form: Format
    files: Sequence[Path] = ()
    github_summary: bool = False

    @classmethod
    def of(
        cls, as_json: bool, form: Format, files: Sequence[Path], github_summary: bool
    ) -> "Outlet":
        """Raises CommandError where a file's suffix says no format or it cannot be written."""
        raise NotImplementedError

    def tell(self, report: Report) -> None:
        """Writes the files, prints, and ends the command by the report's outcome.

        Raises typer.Exit where it is not passed, CommandError where a file cannot be written.
        """
        raise NotImplementedError
