"""Detached processes that are found again: by a record, and by a mark in their environment.

A record holds the process id with its start time, so that a process which got a recycled id is
never taken for ours, let alone ended. The mark finds a process whose record was lost, because the
starting program was killed between the two or the state folder was removed by hand.
"""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from durable.files import write_private

MARK = "MOE_SANDBOX_PROCESS"
START_TIME_TOLERANCE_SECONDS = 2.0
LOG_LIMIT_BYTES = 20 * 2**20


@dataclass(frozen=True)
class ProcessSpec:
    """How one process is started.

    `inputs` are files that it reads at start and `settings` values that it gets in another way:
    when one of them, the command or the environment changes, a running process is out of date.
    It is started once those named in `after` are ready. `ports` are fields of
    `sandbox.endpoints.Endpoints`. `ready` returns None, or what is missing.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    after: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    inputs: tuple[Path, ...] = ()
    settings: tuple[str, ...] = ()
    ready: Callable[[], str | None] = field(default=lambda: None)
    ready_seconds: float = 60.0

    @property
    def fingerprint(self) -> str:
        digest = hashlib.sha256(
            repr((self.command, sorted(self.environment.items()), self.settings)).encode()
        )
        for path in self.inputs:
            digest.update(path.read_bytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class RunningProcess:
    """A process of ours that is alive."""

    pid: int
    fingerprint: str

    def rss_mib(self) -> float:
        """Resident memory in MiB; 0 when it has just ended."""
        try:
            return float(psutil.Process(self.pid).memory_info().rss) / 2**20
        except psutil.Error:
            return 0.0


class ProcessTable:
    """The processes of one sandbox; records lie in `folder`, one file a name."""

    def __init__(self, folder: Path, owner: Path) -> None:
        self._folder = folder
        self._owner = str(owner)

    def running(self, name: str) -> RunningProcess | None:
        try:
            record = json.loads((self._folder / f"{name}.json").read_text())
            process = psutil.Process(int(record["pid"]))
            apart = abs(process.create_time() - float(record["started"]))
            if apart > START_TIME_TOLERANCE_SECONDS or not _alive(process):
                return None
            return RunningProcess(process.pid, str(record["fingerprint"]))
        except (OSError, ValueError, KeyError, TypeError, psutil.Error):
            return None

    def recorded(self, name: str) -> bool:
        """Whether it was started and not stopped since: it runs, or should."""
        return (self._folder / f"{name}.json").exists()

    def start(self, spec: ProcessSpec) -> RunningProcess:
        """Start it in a session of its own, so that Ctrl-C in the terminal does not reach it."""
        spec.log.parent.mkdir(parents=True, exist_ok=True)
        _shorten(spec.log)
        fingerprint = spec.fingerprint
        spec.log.touch(mode=0o600)
        with spec.log.open("ab") as log:
            child = subprocess.Popen(
                spec.command,
                env={**spec.environment, MARK: f"{self._owner}:{spec.name}"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,
                cwd="/",
            )
        # Nobody waits for it; without this, Python warns when the object goes away.
        child.returncode = 0
        record = {
            "pid": child.pid,
            "started": _start_time(child.pid),
            "fingerprint": fingerprint,
        }
        write_private(self._folder / f"{spec.name}.json", json.dumps(record))
        return RunningProcess(child.pid, fingerprint)

    def stop(self, name: str, grace_seconds: float) -> bool:
        """End it, gracefully and then hard; whether there was anything to end."""
        running = self.running(name)
        if running is not None:
            _end(psutil.Process(running.pid), grace_seconds)
        (self._folder / f"{name}.json").unlink(missing_ok=True)
        return running is not None

    def strays(self, names: Iterable[str]) -> list[tuple[str, int]]:
        """Processes that bear this sandbox's mark but are not in the records, by name and id."""
        recorded = {name: self.running(name) for name in names}
        known = {process.pid for process in recorded.values() if process is not None}
        found = []
        for process in psutil.process_iter():
            if process.pid in known:
                continue
            with contextlib.suppress(psutil.Error, OSError):
                mark = process.environ().get(MARK, "")
                owner, _, name = mark.rpartition(":")
                # Children of ours inherit the mark; only the leader of the session is the one.
                if (
                    owner == self._owner
                    and os.getsid(process.pid) == process.pid
                    and _alive(process)
                ):
                    found.append((name, process.pid))
        return found

    def end_strays(self, names: Sequence[str], grace_seconds: float) -> list[str]:
        """End them in the order of `names`; the names of those that were ended."""
        order = {name: place for place, name in enumerate(names)}
        ended = []
        for name, pid in sorted(self.strays(names), key=lambda stray: order.get(stray[0], 0)):
            with contextlib.suppress(psutil.Error):
                _end(psutil.Process(pid), grace_seconds)
                ended.append(name)
        return ended


def last_lines(path: Path, count: int = 12) -> str:
    """The end of a log, for an error message."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 16384))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return "(no log)"
    return "\n".join(f"  {line[:300]}" for line in lines[-count:]) or "  (the log is empty)"


def _start_time(pid: int) -> float:
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return time.time()


def _alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            return True
    # Where the program that started it still runs, an ended process stays until somebody asks;
    # the answer 0 means that the first of its threads has ended and others have not.
    with contextlib.suppress(OSError):
        return os.waitpid(process.pid, os.WNOHANG)[0] == 0
    return False


def _end(process: psutil.Process, grace_seconds: float) -> None:
    for number, seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, 10.0)):
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not _alive(process):
                return
            time.sleep(0.05)


def _shorten(log: Path) -> None:
    """Keep one older log beside the present one, so that logs do not grow for ever."""
    with contextlib.suppress(OSError):
        if log.stat().st_size > LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".old.log"))
