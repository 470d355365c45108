"""How long work tells a person what it does. Nothing below `cli/` prints by itself."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol, Self, TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

PLAIN_INTERVAL_SECONDS = 10.0


class Reporter(Protocol):
    """Receives progress; four calls, no return values, never raises."""

    def step(self, text: str) -> None:
        """Something begins."""

    def progress(self, name: str, done: int, total: int) -> None:
        """`done` of `total` units of the work called `name`; `total` 0 where it is not known."""

    def done(self, text: str) -> None:
        """What the last step began has ended well."""

    def warn(self, text: str) -> None:
        """Worth reading, but work goes on."""


class PlainReporter:
    """Lines for logs and pipes: a progress line at most every ten seconds, with elapsed time."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._begun: dict[str, float] = {}
        self._shown: dict[str, float] = {}

    def step(self, text: str) -> None:
        self._line(f"- {text}")

    def progress(self, name: str, done: int, total: int) -> None:
        now = time.monotonic()
        begun = self._begun.setdefault(name, now)
        if now - self._shown.get(name, begun) < PLAIN_INTERVAL_SECONDS:
            return
        self._shown[name] = now
        of_total = f" of {total}" if total else ""
        self._line(f"  {name}: {done}{of_total} after {now - begun:.0f} s")

    def done(self, text: str) -> None:
        self._begun.clear()
        self._shown.clear()
        self._line(f"  {text}")

    def warn(self, text: str) -> None:
        self._line(f"! {text}")

    def _line(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class TerminalReporter:
    """A live bar for each piece of work, on a terminal. Use it as a context manager."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def step(self, text: str) -> None:
        self._close()
        self._console.print(f"[cyan]•[/] {escape(text)}")

    def progress(self, name: str, done: int, total: int) -> None:
        if self._progress is None:
            self._progress = Progress(
                TextColumn("  {task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
            )
            self._progress.start()
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total or None)
        self._progress.update(self._tasks[name], completed=done, total=total or None)

    def done(self, text: str) -> None:
        self._close()
        self._console.print(f"[green]✓[/] {escape(text)}")

    def warn(self, text: str) -> None:
        self._console.print(f"[yellow]![/] {escape(text)}")

    def _close(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
            self._tasks.clear()


class SilentReporter:
    """Says nothing: for tests and for programs that only want the result."""

    def step(self, text: str) -> None:
        """Nothing."""

    def progress(self, name: str, done: int, total: int) -> None:
        """Nothing."""

    def done(self, text: str) -> None:
        """Nothing."""

    def warn(self, text: str) -> None:
        """Nothing."""


@contextmanager
def reporting() -> Iterator[PlainReporter | TerminalReporter]:
    """On standard error: bars where a person watches, lines otherwise."""
    if sys.stderr.isatty():
        with TerminalReporter() as reporter:
            yield reporter
    else:
        yield PlainReporter(sys.stderr)
