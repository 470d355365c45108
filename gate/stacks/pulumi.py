"""Runs the Pulumi CLI, and reads the events that it leaves."""

import json
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from gate.stacks.engine import Run

_LAST_LINES = 40


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str], *, stack: str) -> Run:
    """`command` on a stack. Ended like a Ctrl-C where this process is interrupted.

    Events and output hold no secrets (the engine takes them out), and lie where only their owner
    can read them until they are read.
    """
    with tempfile.TemporaryDirectory(prefix="moe-check-") as private:
        events, output = Path(private) / "events", Path(private) / "output"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [
                    *command,
                    *("--stack", stack, "--non-interactive", "--color=never"),
                    *("--event-log", str(events)),
                ],
                cwd=folder,
                # The event log is one of the options that Pulumi keeps for its own tools.
                env={**environment, "PULUMI_DEBUG_COMMANDS": "true"},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                # A closed terminal would kill it, and a Ctrl-C would reach it twice.
                start_new_session=True,
            )
            if wait_through_interrupts(process):
                raise KeyboardInterrupt
        said = output.read_text(errors="replace").splitlines()
        return Run(process.returncode, _read(events), "\n".join(said[-_LAST_LINES:]))


def wait_through_interrupts(process: "subprocess.Popen[bytes]") -> bool:
    """Whether there was one. Each is passed on.

    At the first, `pulumi` ends what it has begun; at the second, at once.
    """
    interrupted = False
    while True:
        try:
            process.wait()
        except KeyboardInterrupt:
            interrupted = True
            process.send_signal(signal.SIGINT)
        else:
            return interrupted


def _read(events: Path) -> list[Mapping[str, object]]:
    """Whole lines: a `pulumi` that was killed leaves half of one."""
    if not events.exists():
        return []
    lines = events.read_text(errors="replace").split("\n")
    return [json.loads(line) for line in lines[:-1] if line]
