"""Pulumi operations of the sandbox: one stack, with the policies, surviving what a crash leaves."""

import json
import os
import signal
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import psutil

from sandbox.lifecycle import Sandbox
from stacks.reading import PROJECT

LOCAL = "local"

_CLUSTER = "aws:eks/cluster:Cluster"


class StackError(Exception):
    """An operation of `pulumi` failed; its own output has been shown already."""


class PolicyRefusedError(StackError):
    """A mandatory policy refused the change; nothing that it names was created."""


class StackBusyError(StackError):
    """Another `pulumi` works on the stack."""


@dataclass(frozen=True)
class Stack:
    """One stack in the sandbox's backend. Output of `pulumi` goes to `output`."""

    sandbox: Sandbox
    name: str
    project: Path
    output: TextIO

    def up(self) -> None:
        """`pulumi up` with the policies mandatory; also after one that was killed.

        Raises PolicyRefusedError, StackBusyError, StackError, and KeyboardInterrupt
        once `pulumi` has ended what it had begun.
        """
        self._ready()
        self._follow_moved_control_plane()
        self._run("up", "--yes", "--skip-preview", "--policy-pack", str(self.project / "policies"))

    def resource_count(self) -> int:
        """Resources in the stack's state, the stack itself and the providers not counted."""
        return sum(1 for r in self._state() if not r["type"].startswith("pulumi:"))

    def _ready(self) -> None:
        self._release_dead_locks()
        result = self._pulumi("stack", "select", "--create", "--stack", self.name, with_stack=False)
        if result.returncode != 0:
            raise StackError(result.stderr.strip() or result.stdout.strip())

    def _follow_moved_control_plane(self) -> None:
        """Read the cluster again when it has another port than the state knows.

        Providers get their kubeconfig from the state: without this, the first
        request to the cluster would go to the old port.
        """
        for resource in self._state():
            known = resource.get("outputs", {}).get("endpoint")
            if resource["type"] == _CLUSTER and known != self.sandbox.endpoints.kube_server:
                self._run("refresh", "--yes", "--skip-preview", "--target", resource["urn"])

    def _state(self) -> list[dict[str, Any]]:
        result = self._pulumi("stack", "export")
        if result.returncode != 0:
            return []
        resources: list[dict[str, Any]] = json.loads(result.stdout)["deployment"].get(
            "resources", []
        )
        return resources

    def _release_dead_locks(self) -> None:
        """Remove locks whose process is gone; one that lives is somebody at work."""
        folder = self.sandbox.paths.backend / ".pulumi" / "locks" / "organization" / PROJECT
        for lock in sorted((folder / self.name).glob("*.json")):
            holder = _read_lock(lock)
            if holder is not None and holder.alive:
                raise StackBusyError(f"stack {self.name} is being changed by {holder}; wait for it")
            lock.unlink(missing_ok=True)

    def _pulumi(self, *arguments: str, with_stack: bool = True) -> subprocess.CompletedProcess[str]:
        selected = ["--stack", self.name] if with_stack else []
        return subprocess.run(
            [self._binary, *arguments, *selected, "--non-interactive"],
            cwd=self.project,
            env=self.sandbox.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def _run(self, *arguments: str) -> None:
        command = [self._binary, *arguments, "--stack", self.name, "--suppress-outputs"]
        if not self.output.isatty():
            command.append("--non-interactive")
        with tempfile.TemporaryDirectory() as folder:
            events = Path(folder) / "events"
            process = subprocess.Popen(
                [*command, "--event-log", str(events)],
                cwd=self.project,
                # The event log is one of the options that Pulumi keeps for its own tools.
                env={**self.sandbox.environment(), "PULUMI_DEBUG_COMMANDS": "true"},
                stdout=self.output,
            )
            interrupted = _wait(process)
            if process.returncode == 0:
                return
            refusing = _mandatory_violations(events)
        if interrupted:
            raise KeyboardInterrupt
        if refusing:
            raise PolicyRefusedError(f"refused by policy {', '.join(refusing)}")
        raise StackError(f"pulumi {arguments[0]} ended with exit code {process.returncode}")

    @property
    def _binary(self) -> str:
        return str(self.sandbox.paths.bin / "pulumi")


def _mandatory_violations(events: Path) -> list[str]:
    """Names of the policies that refused, from the engine's event log.

    The exit code does not tell: a refusal and a failed resource both end with 1.
    """
    names = set()
    lines = events.read_text().splitlines() if events.exists() else []
    for line in lines:
        violation = json.loads(line).get("policyEvent")
        if violation and violation["enforcementLevel"] == "mandatory":
            names.add(violation["policyName"])
    return sorted(names)


@dataclass(frozen=True)
class _LockHolder:
    pid: int
    user: str
    host: str
    since: str

    @property
    def alive(self) -> bool:
        """A lock of another machine counts as alive: only that machine can tell."""
        if self.host != socket.gethostname():
            return True
        try:
            return "pulumi" in psutil.Process(self.pid).name()
        except psutil.NoSuchProcess:
            return False

    def __str__(self) -> str:
        return f"process {self.pid} of {self.user} on {self.host}, since {self.since}"


def _read_lock(path: Path) -> _LockHolder | None:
    try:
        content = json.loads(path.read_text())
        return _LockHolder(
            int(content["pid"]), content["username"], content["hostname"], content["timestamp"]
        )
    except (OSError, ValueError, KeyError):
        return None


def _wait(process: "subprocess.Popen[bytes]") -> bool:
    """Wait through Ctrl-C, and say whether there was one.

    A terminal sends it to `pulumi` too, which then ends what it has begun.
    """
    interrupted = False
    while True:
        try:
            process.wait()
        except KeyboardInterrupt:
            interrupted = True
            if not os.isatty(0):
                process.send_signal(signal.SIGINT)
        else:
            return interrupted
