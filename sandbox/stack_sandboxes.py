"""Stacks beside `local`: a sandbox for each, as each has a cluster and an account of its own.

All of them are in one backend, as a team's are, so that a release can be promoted from one to the
next. They run the program from a copy: Pulumi writes a salt into the file of a stack that has none,
and these files are tracked.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from durable.files import OWNER_ONLY_FOLDER
from durable.places import PACKAGE_ROOT
from gate.stacks import git, program
from sandbox import environment_file, lifecycle, published_salt
from sandbox.charts import write_charts
from sandbox.control_plane.kube_api import KubeApi
from sandbox.paths import SandboxPaths
from sandbox.reporter import Reporter
from sandbox.stack import LOCAL, Stack
from sandbox.summary import Summary, summarize
from stacks.reading import stack_file
from stacks.settings import Settings


@dataclass(frozen=True)
class StackStatus:
    """Of one stack's sandbox; `finished` says whether its last `up` got through."""

    stack: str
    running: bool
    finished: bool
    memory_mib: int

    @property
    def word(self) -> str:
        if not self.running:
            return "stopped"
        return "running" if self.finished else "incomplete"


@dataclass(frozen=True)
class StackSandboxes:
    """Those of one checkout."""

    checkout: Path

    @property
    def folder(self) -> Path:
        return self.checkout / ".sandbox-stacks"

    @property
    def stack_files(self) -> Path:
        return self.checkout / program.STACKS

    def paths(self, stack: str) -> SandboxPaths:
        return SandboxPaths(self.folder / "sandboxes" / stack, self.folder / "backend")

    def names(self) -> list[str]:
        """Stacks that have a sandbox, or had one that was removed by hand; never LOCAL."""
        there = [path.name for path in (self.folder / "sandboxes").glob("*") if path.is_dir()]
        return sorted({*there, *environment_file.our_stacks(self.stack_files)} - {LOCAL})

    @property
    def exist(self) -> bool:
        return self.folder.exists() or bool(self.names())

    def status(self) -> list[StackStatus]:
        found = []
        for stack in self.names():
            of_sandbox = lifecycle.status(self.paths(stack))
            memory_mib = round(of_sandbox.rss_mib)
            found.append(StackStatus(stack, of_sandbox.running, of_sandbox.finished, memory_mib))
        return found

    def refuse_what_cannot_be(self, stack: str) -> None:
        """Raises SettingsError and ForeignFileError; nothing has been started then."""
        published_salt.refuse_key_of_an_account(stack, self.stack_files)
        environment_file.refuse_foreign(stack, self.stack_files)

    def up(
        self, stack: str, settings: Settings, reporter: Reporter, output: TextIO
    ) -> tuple[Summary, int]:
        """Bring the stack up in its sandbox; what runs there, and how many resources it has.

        Raises what `lifecycle.start`, `Stack.up` and `refuse_what_cannot_be` raise, and GitError.
        """
        self.refuse_what_cannot_be(stack)
        paths = self.paths(stack)
        self.folder.mkdir(mode=OWNER_ONLY_FOLDER, exist_ok=True)
        with lifecycle.noted_as_unfinished(paths):
            reporter.step(f"stack {stack}: a sandbox of its own")
            scaled = settings.model_server.autoscaling is not None
            sandbox = lifecycle.start(reporter, paths, keda=scaled)
            # Before there is anything to reach: from here on no command takes this stack for a
            # real one.
            environment_file.write(stack, self.stack_files, sandbox)
            write_charts(paths.charts, sandbox.tools)
            with self._program(paths) as folder:
                reporter.step(f"pulumi up --stack {stack} --policy-pack policies")
                running = Stack(sandbox, stack, folder, output)
                running.prepare()
                tracked = stack_file(stack, self.stack_files)
                published_salt.note_salt(self._salt_note(stack), tracked, running.salt())
                running.up()
                count = running.resource_count()
            return summarize(KubeApi(paths.admin_kubeconfig), settings), count

    def down(self, *, purge: bool, reporter: Reporter) -> dict[str, tuple[str, ...]]:
        """End every process; with `purge` remove all that `up` wrote, whatever it came to.

        Returns the names of the processes that ran, by stack. Raises LockHeldError.
        """
        names = self.names()
        if purge:
            for stack in names:
                self._take_salt_away(stack, reporter)
        ended = {
            stack: lifecycle.stop(purge=purge, reporter=reporter, paths=self.paths(stack))
            for stack in names
        }
        if purge:
            environment_file.remove_ours(self.stack_files)
            if self.folder.exists():
                shutil.rmtree(self.folder)
        return ended

    def _take_salt_away(self, stack: str, reporter: Reporter) -> None:
        file = stack_file(stack, self.stack_files)
        if published_salt.take_away(self._salt_note(stack), file):
            reporter.done(f"took the sandbox's encryptionsalt out of {program.STACKS}/{file.name}")

    def _salt_note(self, stack: str) -> Path:
        return self.paths(stack).root / "added-salt"

    @contextmanager
    def _program(self, paths: SandboxPaths) -> Iterator[Path]:
        """A copy of the program, with the packages that this one runs on."""
        with tempfile.TemporaryDirectory(prefix="program-", dir=paths.temporary) as name:
            folder = Path(name)
            program.copy(self.checkout, git.files(self.checkout), folder)
            (folder / ".venv").symlink_to(PACKAGE_ROOT / ".venv")
            yield folder
