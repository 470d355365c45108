"""Start, stop and look at a sandbox. Nothing here prints; a reporter is told.

A start does only what is missing, so that a second one is quick, one after a crash repairs, and
one that was interrupted is finished by the next.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from durable.files import write_private
from durable.locks import LockHeldError, held_lock
from sandbox.control_plane.kube_config import write_configuration
from sandbox.control_plane.operator_processes import KEDA_NAMES, OPERATOR_NAMES, operator_specs
from sandbox.control_plane.pki import ensure_pki
from sandbox.control_plane.process_specs import PROCESS_NAMES, process_specs
from sandbox.endpoints import (
    PORT_FIELDS,
    Endpoints,
    new_endpoints,
    port_is_free,
    read_endpoints,
    with_other_ports,
)
from sandbox.environment import (
    PASSPHRASE_FILE,
    as_exports,
    install,
    own_settings,
    sandbox_environment,
)
from sandbox.monitoring.processes import (
    MONITORING_NAMES,
    monitoring_specs,
    recorded_speed,
    write_prometheus_configuration,
)
from sandbox.paths import SandboxPaths, default_paths
from sandbox.processes import ProcessSpec, ProcessTable, last_lines
from sandbox.reporter import Reporter, SilentReporter
from sandbox.status import PORT_OWNERS, ProcessStatus, SandboxStatus, status
from sandbox.toolchain.ensure import Tools, ensure_tools

STOP_ORDER = tuple(reversed((*PROCESS_NAMES, *OPERATOR_NAMES, *KEDA_NAMES, *MONITORING_NAMES)))
STOP_SECONDS = 15.0
POLL_SECONDS = 0.1
# A port can be taken between its choice and the listening; then another is chosen.
PORT_ATTEMPTS = 3
LOCK_SECONDS = 300.0


class StartError(Exception):
    """A process did not become ready; the message has its name, last log lines and log file."""


class _PortTakenError(Exception):
    def __init__(self, fields: tuple[str, ...]) -> None:
        super().__init__(", ".join(fields))
        self.fields = fields


@dataclass(frozen=True)
class Sandbox:
    """A sandbox that runs, and what one needs to use it."""

    paths: SandboxPaths
    tools: Tools
    endpoints: Endpoints
    started: tuple[str, ...]
    """Names of the processes that this start had to start; empty when all ran already."""
    prometheus_speed: int | None = None
    """How many times as fast as ours Prometheus' clock runs; None where there is none."""

    def environment(self, *, passphrase_file: Path = PASSPHRASE_FILE) -> dict[str, str]:
        return sandbox_environment(
            self.paths, self.tools, self.endpoints, passphrase_file=passphrase_file
        )

    def settings(self) -> dict[str, str]:
        """What `exports` exports, as a mapping; of the caller's only what a list is appended to."""
        return own_settings(self.paths, self.tools, self.endpoints, PASSPHRASE_FILE, os.environ)

    def exports(self, *, passphrase_file: Path = PASSPHRASE_FILE) -> str:
        return as_exports(self.paths, self.tools, self.endpoints, passphrase_file=passphrase_file)


def start(
    reporter: Reporter,
    paths: SandboxPaths | None = None,
    *,
    keda: bool = False,
    prometheus_speed: int | None = None,
) -> Sandbox:
    """Start what does not run yet and wait until all of it is ready.

    With `keda` that is built too, and waits for its chart; with `prometheus_speed` so is
    Prometheus, on a clock that runs so many times as fast. Once started, both stay until a `stop`.
    Raises StartError, LockHeldError, and what `sandbox.toolchain.ensure_tools` raises.
    """
    paths = paths or default_paths()
    speed = prometheus_speed or _present_speed(paths)
    tools = ensure_tools(reporter, keda=keda or _has_keda(paths), prometheus=speed is not None)
    with _exclusive(paths, "starts the sandbox", reporter), _private_files():
        table = ProcessTable(paths.processes, paths.state)
        for name in table.end_strays(STOP_ORDER, STOP_SECONDS):
            reporter.warn(f"ended a {name} of this sandbox whose record was lost")
        paths.create()
        install(paths, tools)
        endpoints = _free_endpoints(paths, table, reporter)
        for _ in range(PORT_ATTEMPTS):
            try:
                started = _start_all(paths, endpoints, tools, speed, table, reporter)
                return Sandbox(paths, tools, endpoints, started, speed)
            except _PortTakenError as error:
                endpoints = _change_ports(paths, endpoints, error.fields, reporter)
        raise StartError(f"other programs took the chosen ports {PORT_ATTEMPTS} times; try again")


def stop(*, purge: bool, reporter: Reporter, paths: SandboxPaths | None = None) -> tuple[str, ...]:
    """End every process, those that use others first; with `purge` remove `.sandbox` too.

    Returns the names of those that ran. Raises `durable.locks.LockHeldError`.
    """
    paths = paths or default_paths()
    with _exclusive(paths, "stops the sandbox", reporter):
        table = ProcessTable(paths.processes, paths.state)
        ended = [name for name in STOP_ORDER if table.stop(name, STOP_SECONDS)]
        ended += table.end_strays(STOP_ORDER, STOP_SECONDS)
        if purge:
            _remove(paths.state)
        return tuple(ended)


def attach(paths: SandboxPaths | None = None) -> Sandbox | None:
    """The sandbox as it runs, without starting anything; None where not all of it runs."""
    paths = paths or default_paths()
    present = status(paths)
    if not present.running or present.endpoints is None:
        return None
    speed = _present_speed(paths)
    tools = ensure_tools(SilentReporter(), keda=_has_keda(paths), prometheus=speed is not None)
    return Sandbox(paths, tools, present.endpoints, (), speed)


def _has_keda(paths: SandboxPaths) -> bool:
    table = ProcessTable(paths.processes, paths.state)
    return any(table.recorded(name) for name in KEDA_NAMES)


def _present_speed(paths: SandboxPaths) -> int | None:
    table = ProcessTable(paths.processes, paths.state)
    is_there = any(table.recorded(name) for name in MONITORING_NAMES)
    return recorded_speed(paths) if is_there else None


@contextmanager
def noted_as_unfinished(paths: SandboxPaths | None = None) -> Iterator[None]:
    """Whatever ends the block early, a kill too: `status` tells of it until one gets through."""
    note = (paths or default_paths()).unfinished
    write_private(note, "")
    yield
    note.unlink(missing_ok=True)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


@contextmanager
def _exclusive(paths: SandboxPaths, purpose: str, reporter: Reporter) -> Iterator[None]:
    def tell(holder: str) -> None:
        reporter.step(f"waiting for {holder}")

    with held_lock(paths.lock, purpose, on_wait=tell, wait_seconds=LOCK_SECONDS):
        yield


@contextmanager
def _private_files() -> Iterator[None]:
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _free_endpoints(paths: SandboxPaths, table: ProcessTable, reporter: Reporter) -> Endpoints:
    """The recorded ports, but others for those that somebody else has taken meanwhile."""
    recorded = read_endpoints(paths)
    if recorded is None:
        # Processes of ours without endpoints.json cannot be used any more.
        for name in STOP_ORDER:
            table.stop(name, STOP_SECONDS)
        endpoints = new_endpoints(paths)
        endpoints.write(paths.endpoints)
        return endpoints
    taken = tuple(
        field
        for field in PORT_FIELDS
        if table.running(PORT_OWNERS[field]) is None and not port_is_free(recorded.port(field))
    )
    return _change_ports(paths, recorded, taken, reporter)


def _change_ports(
    paths: SandboxPaths, endpoints: Endpoints, taken: tuple[str, ...], reporter: Reporter
) -> Endpoints:
    changed = with_other_ports(endpoints, taken)
    for field in taken:
        reporter.warn(
            f"port {endpoints.port(field)} ({field}) is taken by another program; "
            f"the sandbox uses {changed.port(field)} now"
        )
    if changed != endpoints:
        changed.write(paths.endpoints)
    return changed


def _start_all(
    paths: SandboxPaths,
    endpoints: Endpoints,
    tools: Tools,
    prometheus_speed: int | None,
    table: ProcessTable,
    reporter: Reporter,
) -> tuple[str, ...]:
    pki = ensure_pki(paths.pki)
    write_configuration(paths, endpoints, pki)
    specs = [
        *process_specs(paths, endpoints, pki, tools),
        *operator_specs(paths, endpoints, pki, tools),
    ]
    if tools.prometheus is not None and prometheus_speed is not None:
        write_prometheus_configuration(paths, endpoints, prometheus_speed)
        specs += monitoring_specs(paths, endpoints, tools.prometheus, prometheus_speed)
    begun = time.monotonic()
    started: list[str] = []
    asked_since: dict[str, float] = {}
    ready: set[str] = set()
    while len(ready) < len(specs):
        for spec in specs:
            if spec.name in ready or not ready.issuperset(spec.after):
                continue
            if spec.name not in asked_since:
                asked_since[spec.name] = time.monotonic()
                if _ensure(spec, table):
                    reporter.step(f"start {spec.name}")
                    started.append(spec.name)
            if _is_ready(spec, table, endpoints, asked_since[spec.name]):
                ready.add(spec.name)
        if len(ready) < len(specs):
            time.sleep(POLL_SECONDS)
    # One that cannot be asked whether it is ready must at least not have ended meanwhile.
    for spec in specs:
        _check_alive(spec, table, endpoints)
    if started:
        reporter.done(f"the sandbox is ready after {time.monotonic() - begun:.1f} s")
    return tuple(started)


def _ensure(spec: ProcessSpec, table: ProcessTable) -> bool:
    running = table.running(spec.name)
    if running is not None:
        if running.fingerprint == spec.fingerprint:
            return False
        table.stop(spec.name, STOP_SECONDS)
    table.start(spec)
    return True


def _is_ready(spec: ProcessSpec, table: ProcessTable, endpoints: Endpoints, since: float) -> bool:
    _check_alive(spec, table, endpoints)
    missing = spec.ready()
    if missing is not None and time.monotonic() - since > spec.ready_seconds:
        raise _failure(spec, f"is not ready after {spec.ready_seconds:.0f} s ({missing})")
    return missing is None


def _check_alive(spec: ProcessSpec, table: ProcessTable, endpoints: Endpoints) -> None:
    if table.running(spec.name) is not None:
        return
    taken = tuple(field for field in spec.ports if not port_is_free(endpoints.port(field)))
    if taken:
        raise _PortTakenError(taken)
    raise _failure(spec, "ended by itself")


def _failure(spec: ProcessSpec, what: str) -> StartError:
    return StartError(
        f"{spec.name} {what}. Its last log lines:\n{last_lines(spec.log)}\n"
        f"The whole log: {spec.log}"
    )


__all__ = [
    "LockHeldError",
    "ProcessStatus",
    "Sandbox",
    "SandboxStatus",
    "StartError",
    "attach",
    "noted_as_unfinished",
    "start",
    "status",
    "stop",
]
