"""A tutorial as it is written: its commands, how they end, and what they print.

Blocks of `sh` are commands, with `# exit code N` where they do not end with 0. A block of `text`
after one has lines that it prints: `...` stands for what varies, and on a line alone for lines that
are left out.
"""

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(?P<kind>sh|text)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_EXIT_CODE = re.compile(r"# exit code (\d+)$", re.MULTILINE)
_ANYTHING = "..."


@dataclass(frozen=True, slots=True)
class Step:
    """`line` is where the page has it."""

    line: int
    commands: str
    exit_code: int
    shown: tuple[str, ...] = ()

    def run(self, folder: Path, environment: Mapping[str, str], timeout_s: float) -> "Ran":
        """In a shell of its own, which ends with all that it started; raises TimeoutExpired."""
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", self.commands],  # noqa: S607
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            out, err = process.communicate(timeout=timeout_s)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        return Ran(self, process.returncode, f"{out}\n{err}")


@dataclass(frozen=True, slots=True)
class Ran:
    """`output` is both streams, the standard one first."""

    step: Step
    exit_code: int
    output: str

    def missing(self) -> list[str]:
        """Lines that the page shows and nobody has printed."""
        printed = [line.strip() for line in self.output.splitlines()]
        return [line for line in self.step.shown if not any(map(_pattern(line).fullmatch, printed))]


def steps(page: str) -> Iterator[Step]:
    """In the order of the page; raises ValueError for output that belongs to no command."""
    last: Step | None = None
    for block in _BLOCK.finditer(page):
        body = block["body"].rstrip("\n")
        line = page.count("\n", 0, block.start()) + 1
        if block["kind"] == "sh":
            if last is not None:
                yield last
            found = _EXIT_CODE.search(body)
            last = Step(line, body, int(found[1]) if found else 0)
        elif last is None or last.shown:
            raise ValueError(f"line {line}: this output is of no command")
        else:
            lines = (each.strip() for each in body.splitlines())
            shown = tuple(each for each in lines if each not in ("", _ANYTHING))
            last = Step(last.line, last.commands, last.exit_code, shown)
    if last is not None:
        yield last


def _pattern(shown: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in shown.split(_ANYTHING)))
