"""The record against the history that the real engine keeps in a backend of files."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from promotion.anchor import anchored, message
from promotion.pulumi_stack import PulumiStack
from promotion.record import Record
from promotion.verify import Verified, problems, verified
from sandbox.environment import install
from sandbox.paths import SandboxPaths
from sandbox.reporter import SilentReporter
from sandbox.toolchain.ensure import ensure_tools
from tests.promotion.releases import append, release, store

STACK = "staging"
ON_A_PAGE = 10
"""Updates that `pulumi stack history` shows when it is not asked for more."""


@dataclass(frozen=True)
class Program:
    """One that declares nothing, under the real engine."""

    folder: Path
    stack: PulumiStack

    def run(self, *arguments: str) -> None:
        binary = Path(self.stack.environment["PATH"].split(os.pathsep)[0]) / "pulumi"
        done = subprocess.run(
            [binary, *arguments, "--stack", STACK, "--non-interactive"],
            cwd=self.folder,
            env=self.stack.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def updates_later(self, number: int) -> None:
        """As if so many had followed that say nothing: an `up` takes seconds."""
        newest = max((self.folder / "backend").rglob("*.history.json"))
        told = json.loads(newest.read_text())
        for later in range(number):
            copy = newest.with_name(f"{STACK}-9{later:018}.history.json")
            copy.write_text(json.dumps({**told, "message": "by hand"}))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("program")
    paths = SandboxPaths(folder)
    install(paths, ensure_tools(SilentReporter()))
    (folder / "Pulumi.yaml").write_text("name: nothing\nruntime: python\n")
    (folder / "__main__.py").write_text("")
    (folder / "backend").mkdir()
    environment = {
        "HOME": str(folder),
        "PATH": f"{paths.bin}{os.pathsep}{os.environ['PATH']}",
        "PULUMI_HOME": str(paths.pulumi_home),
        "PULUMI_BACKEND_URL": f"file://{folder / 'backend'}",
        "PULUMI_CONFIG_PASSPHRASE": "of a test",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    return Program(folder, PulumiStack(STACK, folder, environment))


def test_the_backend_holds_what_the_repository_has_lost(program: Program, tmp_path: Path) -> None:
    assert program.stack.updates() == []
    program.run("stack", "init")
    releases, record = store(tmp_path, 1, 2), Record(tmp_path, STACK)
    for number in (1, 2):
        begun = append(record, "begun", release(number))
        program.run("up", "--yes", "--skip-preview", "--message", message(begun))
        append(record, "applied", release(number), ends=begun.number)
    first, second, third, _ = record
    program.updates_later(ON_A_PAGE)
    updates = program.stack.updates()
    anchors = [anchored(each) for each in updates]
    assert anchors == [*[None] * ON_A_PAGE, (3, third.hash), (1, first.hash)]
    assert verified(tmp_path, STACK, updates, releases) == Verified(STACK, 4, [], [1, 3])
    record.file(4).unlink()
    record.file(3).unlink()
    assert problems(tmp_path, STACK, None, releases) == []
    (lost,) = problems(tmp_path, STACK, updates, releases)
    assert lost.file == f"releases/record/{STACK}/000003.json"
    assert "was removed or rewritten" in lost.what
    append(record, "begun", release(2), previous=second.hash)
    (rewritten,) = problems(tmp_path, STACK, updates, releases)
    assert rewritten == lost
