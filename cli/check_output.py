"""How `moe check` tells what it found: the options that its commands share, and what they do."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from cli import exit_codes
from cli.answer import CommandError
from durable.files import replace_file
from gate.formats import Format, render
from gate.report import Outcome, Report

AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document; the same as --format json.")
]
Form = Annotated[Format, typer.Option("--format", help="What to print on standard output.")]
Files = Annotated[
    list[Path],
    typer.Option(
        "--output",
        metavar="FILE",
        help="Write a file as well, by its suffix: .json, .md, .sarif, or .xml for JUnit."
        " Repeatable.",
    ),
]
GithubSummary = Annotated[
    bool,
    typer.Option(
        "--github-summary",
        help="Append the Markdown to the job's summary, which GITHUB_STEP_SUMMARY names.",
    ),
]

SUMMARY_FILE = "GITHUB_STEP_SUMMARY"
_BY_SUFFIX = {
    ".json": Format.JSON,
    ".md": Format.MARKDOWN,
    ".sarif": Format.SARIF,
    ".xml": Format.JUNIT,
}
_CODES = {Outcome.ERROR: exit_codes.ERROR, Outcome.REFUSED: exit_codes.REFUSED}


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where a report goes: standard output, files, and the summary of a job."""

    form: Format
    files: Sequence[Path] = ()
    summary: Path | None = None

    @classmethod
    def of(
        cls, as_json: bool, form: Format, files: Sequence[Path], github_summary: bool
    ) -> "Outlet":
        """Made before the work, so that a file that cannot be written is told at once.

        Raises CommandError.
        """
        if as_json and form not in (Format.TERMINAL, Format.JSON):
            raise CommandError(f"--json and --format {form} cannot both be printed; leave out one")
        for file in files:
            _check_file(file)
        return cls(
            Format.JSON if as_json else form, files, _summary_file() if github_summary else None
        )

    def tell(self, report: Report) -> None:
        """Writes the files, prints, and ends the command unless the report's outcome is passed.

        Raises CommandError where a file cannot be written, typer.Exit.
        """
        for file in self.files:
            _write(file, render(report, _BY_SUFFIX[file.suffix]))
        if self.summary:
            _append(self.summary, render(report, Format.MARKDOWN))
        color = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        typer.echo(render(report, self.form, color=color), nl=False)
        if code := _CODES.get(report.outcome):
            raise typer.Exit(code)


def _check_file(file: Path) -> None:
    if file.suffix not in _BY_SUFFIX:
        raise CommandError(
            f"--output {file}: suffix {file.suffix or 'none'} says no format;"
            f" allowed: {', '.join(_BY_SUFFIX)}"
        )
    if file.is_dir():
        raise CommandError(f"--output {file}: is a folder; allowed: a file in it")
    if not os.access(file.parent, os.W_OK):
        reason = "cannot be written to" if file.parent.is_dir() else "is no folder"
        raise CommandError(f"--output {file}: {file.parent} {reason}")


def _summary_file() -> Path:
    if name := os.environ.get(SUMMARY_FILE):
        return Path(name)
    raise CommandError(
        f"--github-summary: {SUMMARY_FILE} is not set; allowed: inside a job of GitHub Actions,"
        " or with that variable naming a file"
    )


def _write(file: Path, text: str) -> None:
    try:
        replace_file(file, text)
    except OSError as error:
        raise CommandError(f"--output {file}: cannot be written: {error.strerror}") from None


def _append(file: Path, text: str) -> None:
    try:
        with file.open("a", encoding="utf-8") as summary:
            summary.write(text)
    except OSError as error:
        raise CommandError(f"{SUMMARY_FILE}: {file} cannot be written: {error.strerror}") from None
