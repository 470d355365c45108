"""A sandbox for `moe check` alone, beside the one of `make up`.

It lies in the cache, one for each checkout, and is empty before and after. What a killed check has
left there is ended by the next.
"""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from durable.locks import held_lock
from durable.places import PACKAGE_ROOT, cache_root, checkout_key
from gate.stacks.engine import Engine, Run, Session, preview_arguments
from gate.stacks.pulumi import run
from sandbox.charts import write_charts
from sandbox.lifecycle import Sandbox, start, stop
from sandbox.paths import SandboxPaths
from sandbox.reporter import Reporter
from stacks.settings import Settings

_WAIT_S = 1800.0


@contextmanager
def check_sandbox(reporter: Reporter) -> Iterator[Engine]:
    """An engine that starts when it is first needed.

    Raises LockHeldError, StartError and what building a tool raises.
    """
    checkout = checkout_key(PACKAGE_ROOT)
    root = cache_root() / "checks" / checkout
    lock = cache_root() / "locks" / f"check-{checkout}.lock"

    def tell(holder: str) -> None:
        reporter.step(f"waiting for {holder}")

    with held_lock(lock, "checks", on_wait=tell, wait_seconds=_WAIT_S):
        paths = SandboxPaths(root)
        stop(purge=True, reporter=reporter, paths=paths)
        try:
            yield SandboxEngine(paths, reporter)
        finally:
            stop(purge=True, reporter=reporter, paths=paths)


class SandboxEngine:
    """Sessions one after the other: what one has brought up is gone before the next."""

    works_on_copies = True

    def __init__(self, paths: SandboxPaths, reporter: Reporter) -> None:
        self._paths = paths
        self._reporter = reporter

    @contextmanager
    def session(self, stack: str) -> Iterator[Session]:
        session = _SandboxSession(self._ready, stack)
        try:
            yield session
        finally:
            if session.has_resources:
                stop(purge=True, reporter=self._reporter, paths=self._paths)

    def _ready(self, settings: Settings) -> Sandbox:
        scaled = settings.model_server.autoscaling is not None
        sandbox = start(self._reporter, self._paths, keda=scaled)
        write_charts(sandbox.paths.charts, sandbox.tools)
        return sandbox


class _SandboxSession:
    def __init__(self, ready: Callable[[Settings], Sandbox], stack: str) -> None:
        self._ready = ready
        self._stack = stack
        self.has_resources = False

    def up(self, program: Path, settings: Settings) -> Run:
        self.has_resources = True
        return self._run(self._ready(settings), program, "up", "--yes", "--skip-preview")

    def preview(self, program: Path, settings: Settings, policy_config: Path | None) -> Run:
        arguments = preview_arguments(program, policy_config)
        return self._run(self._ready(settings), program, *arguments)

    def _run(self, sandbox: Sandbox, program: Path, *arguments: str) -> Run:
        packages = program / ".venv"
        if not packages.exists():
            packages.symlink_to(PACKAGE_ROOT / ".venv")
        environment = sandbox.environment()
        binary = str(sandbox.paths.bin / "pulumi")
        select = [binary, "stack", "select", "--create", "--stack", self._stack]
        selected = subprocess.run(
            [*select, "--non-interactive", "--color=never"],
            cwd=program,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if selected.returncode != 0:
            return Run(selected.returncode, (), selected.stderr)
        return run([binary, *arguments], program, environment, stack=self._stack)
