"""Pulumi operations of the sandbox: one stack, with the policies, surviving what a crash leaves."""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from catalog.project import PROJECT
from gate.stacks.pulumi import wait_through_interrupts
from sandbox.control_plane.kube_api import KubeApi
from sandbox.event_log import Violation, read_event_log
from sandbox.leftovers import forget_pending, release_dead_locks
from sandbox.lifecycle import Sandbox

LOCAL = "local"

_CLUSTER = "aws:eks/cluster:Cluster"


class StackError(Exception):
    """An operation of `pulumi` failed; its own output has been shown already."""


class PolicyRefusedError(StackError):
    """A mandatory policy refused the change; nothing that it names was created.

    `violations` are all that the policies said, also those that only advise.
    """

    def __init__(self, message: str, violations: tuple[Violation, ...]) -> None:
        super().__init__(message)
        self.violations = violations


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
        self.prepare()
        self._forget_pending()
        self._follow_moved_control_plane()
        self._run("up", "--yes", "--skip-preview", "--policy-pack", str(self.project / "policies"))

    def salt(self) -> str | None:
        """The salt of the passphrase that the state's secrets are encrypted with."""
        provider = self._state().get("deployment", {}).get("secrets_providers", {})
        salt: str | None = provider.get("state", {}).get("salt")
        return salt

    def resource_count(self) -> int:
        """Resources in the state as Pulumi counts them: the stack itself and providers too."""
        return len(self._resources())

    def prepare(self) -> None:
        """Have the stack in the backend, rid of the locks of the dead.

        Raises StackBusyError and StackError.
        """
        locks = self.sandbox.paths.backend / ".pulumi" / "locks" / "organization" / PROJECT
        if holder := release_dead_locks(locks / self.name):
            raise StackBusyError(f"stack {self.name} is being changed by {holder}; wait for it")
        result = self._pulumi("stack", "select", "--create", "--stack", self.name, with_stack=False)
        if result.returncode != 0:
            raise StackError(_last_words(result))

    def _forget_pending(self) -> None:
        state = self._state()
        kube = KubeApi(self.sandbox.paths.admin_kubeconfig)
        if forget_pending(state.get("deployment", {}), kube):
            result = self._pulumi("stack", "import", given=json.dumps(state))
            if result.returncode != 0:
                raise StackError(_last_words(result))

    def _follow_moved_control_plane(self) -> None:
        """Read the cluster again when it has another port than the state knows.

        Providers get their kubeconfig from the state: without this, the first
        request to the cluster would go to the old port.
        """
        for resource in self._resources():
            known = resource.get("outputs", {}).get("endpoint")
            if resource["type"] == _CLUSTER and known != self.sandbox.endpoints.kube_server:
                self._run("refresh", "--yes", "--skip-preview", "--target", resource["urn"])

    def _resources(self) -> list[dict[str, Any]]:
        resources: list[dict[str, Any]] = self._state().get("deployment", {}).get("resources", [])
        return resources

    def _state(self) -> dict[str, Any]:
        """The state as Pulumi exports it; empty where the stack was never selected."""
        result = self._pulumi("stack", "export")
        state: dict[str, Any] = json.loads(result.stdout) if result.returncode == 0 else {}
        return state

    def _pulumi(
        self, *arguments: str, with_stack: bool = True, given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        selected = ["--stack", self.name] if with_stack else []
        return subprocess.run(
            [self._binary, *arguments, *selected, "--non-interactive"],
            cwd=self.project,
            env=self.sandbox.environment(),
            input=given,
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
                # A closed terminal would kill it, and a Ctrl-C would reach it twice.
                start_new_session=True,
            )
            interrupted = wait_through_interrupts(process)
            if process.returncode == 0:
                return
            log = read_event_log(events)
        if interrupted or log.cancelled:
            raise KeyboardInterrupt
        if log.refusing:
            message = f"refused by policy {', '.join(log.refusing)}"
            raise PolicyRefusedError(message, log.violations)
        raise StackError(f"pulumi {arguments[0]} ended with exit code {process.returncode}")

    @property
    def _binary(self) -> str:
        return str(self.sandbox.paths.bin / "pulumi")


def _last_words(result: subprocess.CompletedProcess[str]) -> str:
    return result.stderr.strip() or result.stdout.strip()
