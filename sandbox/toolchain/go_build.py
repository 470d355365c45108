"""Runs the Go command: with progress, and so that an interrupt leaves no child and no half file."""

import os
import shutil
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO

from sandbox.toolchain.pins import BUILD_ENVIRONMENT

LAST_LINES = 30
GRACE_SECONDS = 3.0


class GoMissingError(Exception):
    """No `go` on PATH, and something has to be built."""


class BuildError(Exception):
    """A Go command ended with an error; the message ends with what it last said."""


def find_go(wanted: Sequence[str], go_version: str) -> str:
    """The path of `go`. Raises GoMissingError with what to install and what it is for."""
    found = shutil.which("go")
    if found is None:
        raise GoMissingError(
            f"Go is not on PATH, and the sandbox has to build {', '.join(wanted)}. Install Go "
            f"{go_version} or newer (package `golang-go`, or the archive from the Go project), "
            "or put these tools in the pinned versions on PATH; then run the command again."
        )
    return found


def go_environment() -> dict[str, str]:
    return {**os.environ, **BUILD_ENVIRONMENT}


def go_output(go: str, arguments: Sequence[str], folder: Path) -> str:
    """Standard output of a short Go command run in `folder`. Raises BuildError."""
    lines: list[str] = []
    _run_go([go, *arguments], folder, on_stdout=lines.append)
    return "\n".join(lines)


def command_run(command: Sequence[str], folder: Path) -> None:
    """Run a built tool that itself calls Go, under the same settings. Raises BuildError."""
    _run_go(list(command), folder)


def go_build(
    go: str,
    folder: Path,
    packages: Sequence[str],
    flags: Sequence[str],
    output: Path,
    on_package: Callable[[int, int], None],
    on_download: Callable[[int], None],
) -> None:
    """`go build -o output packages`; `on_package(done, total)` as packages are compiled.

    `on_download(count)` is called before, on a machine that lacks the modules, as they arrive.

    Go names each package when it begins to compile it, and names none that its cache has: the
    total counts only what is out of date. Raises BuildError; finished packages stay in Go's cache.
    """
    stale: list[str] = []
    downloads = 0

    def count_download(line: str) -> None:
        nonlocal downloads
        if line.startswith("go: downloading "):
            downloads += 1
            on_download(downloads)

    out_of_date = "{{if .Stale}}{{.ImportPath}}{{end}}"
    _run_go(
        [go, "list", "-deps", *flags, "-f", out_of_date, *packages],
        folder,
        on_stdout=stale.append,
        on_stderr=count_download,
    )
    total = len([line for line in stale if line])
    done = 0

    def count(line: str) -> None:
        nonlocal done
        if line and not line.startswith(("#", "go: ", "\t")) and " " not in line:
            done += 1
            on_package(min(done, total), total)

    on_package(0, total)
    command = [go, "build", "-v", *flags, "-o", f"{output}{os.sep}", *packages]
    _run_go(command, folder, on_stderr=count)


def _run_go(
    command: Sequence[str],
    folder: Path,
    *,
    on_stdout: Callable[[str], None] | None = None,
    on_stderr: Callable[[str], None] | None = None,
) -> None:
    last: deque[str] = deque(maxlen=LAST_LINES)

    def note_error(line: str) -> None:
        last.append(line)
        if on_stderr is not None:
            on_stderr(line)

    with _own_group(command, folder, go_environment()) as child:
        reader = threading.Thread(
            target=_each_line, args=(child.stdout, on_stdout or last.append), daemon=True
        )
        reader.start()
        _each_line(child.stderr, note_error)
        reader.join()
        code = child.wait()
    if code != 0:
        said = "\n  ".join(last) or "(it said nothing)"
        raise BuildError(f"`{' '.join(command[:3])} …` ended with {code} in {folder}:\n  {said}")


def _each_line(stream: IO[str] | None, receive: Callable[[str], None]) -> None:
    for line in stream or ():
        receive(line.rstrip("\n"))


@contextmanager
def _own_group(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """The child in a process group of its own, which is ended whenever the block is left early."""
    with _terminate_raises():
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            yield child
        except BaseException:
            _end_group(child)
            raise
        finally:
            for stream in (child.stdout, child.stderr):
                if stream is not None:
                    stream.close()


def _end_group(child: subprocess.Popen[str]) -> None:
    # Compilers are children of `go`; only the group reaches them all.
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        try:
            child.wait(timeout=GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            continue


@contextmanager
def _terminate_raises() -> Iterator[None]:
    """SIGTERM becomes an exception, so that it too ends the child, not only Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
