"""The runner, with a program in the place of `pulumi`."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gate.stacks.pulumi import run

WRITES_EVENTS = """#!/bin/sh
while [ $# -gt 1 ]; do [ "$1" = --event-log ] && events=$2; shift; done
stat -c %a "$(dirname "$events")"
printf '{"sequence": 1}\\n{"sequence": 2}\\n{"sequ' > "$events"
"""

CHECK = """
import os, sys
from pathlib import Path
from gate.stacks.pulumi import run
try:
    run([sys.argv[1]], Path.cwd(), os.environ, stack="dev")
except KeyboardInterrupt:
    sys.exit(17)
"""


def program(folder: Path, text: str) -> str:
    path = folder / "pulumi"
    path.write_text(text)
    path.chmod(0o700)
    return str(path)


def test_whole_events_are_read_from_a_private_folder_that_goes_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    binary = program(tmp_path, WRITES_EVENTS)
    done = run([binary], tmp_path, os.environ, stack="dev")
    assert (done.exit_code, done.output) == (0, "700")
    assert done.events == [{"sequence": 1}, {"sequence": 2}]
    assert [path.name for path in tmp_path.iterdir()] == ["pulumi"]


def test_a_crash_leaves_its_last_lines(tmp_path: Path) -> None:
    binary = program(tmp_path, "#!/bin/sh\necho panic: no memory >&2\nkill -9 $$\n")
    done = run([binary], tmp_path, os.environ, stack="dev")
    assert done.exit_code == -signal.SIGKILL
    assert done.output == "panic: no memory"
    assert done.events == []


def test_an_interrupt_is_passed_on_and_nothing_is_left(tmp_path: Path) -> None:
    binary = program(
        tmp_path,
        "#!/bin/sh\ntrap 'echo told > told; exit 1' INT\ntouch began\n"
        "while :; do sleep 0.1; done\n",
    )
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    check = subprocess.Popen(
        [sys.executable, "-c", CHECK, binary],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    deadline_s = time.monotonic() + 30
    while not (tmp_path / "began").exists():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    check.send_signal(signal.SIGINT)
    assert check.wait(30) == 17
    assert (tmp_path / "told").exists()
    assert list(temporary.iterdir()) == []
