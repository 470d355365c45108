"""`moe sandbox up --stack dev` as a user runs it, in a checkout of its own, and `down` after it.

Several beside each other, in one backend: tests/engine/test_tutorial_promotion.py.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from durable.places import PACKAGE_ROOT
from gate.stacks import git, program
from promotion.pulumi_stack import PulumiStack
from tests.engine.left_processes import processes_in

STACK = "dev"


@dataclass(frozen=True)
class Checkout:
    """The program in a repository of its own, where nothing is up yet."""

    root: Path

    def moe(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self._run(sys.executable, "-c", "from cli.main import app; app()", *arguments)

    def changed(self) -> str:
        """What git says of the tree: nothing where it is as it was committed."""
        return self._run("git", "status", "--porcelain").stdout

    def ignored(self) -> set[str]:
        listed = self._run("git", "status", "--porcelain", "--ignored").stdout.splitlines()
        return {line.removeprefix("!! ") for line in listed if "__pycache__" not in line}

    def stack(self, name: str) -> PulumiStack:
        return PulumiStack.of(name, self.root)

    def pulumi(self, stack: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """As every command does it: all that it knows is the stack's own file of variables."""
        return subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],  # noqa: S607
            cwd=self.root,
            env=dict(self.stack(stack).environment),
            capture_output=True,
            text=True,
            check=False,
        )

    def commit(self) -> None:
        author = ("-c", "user.name=a", "-c", "user.email=a@b")
        for arguments in (("init", "--quiet"), ("add", "--all")):
            self._run("git", *arguments)
        self._run("git", *author, "commit", "--quiet", "--message", "as it is here")

    def _run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(self.root)},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    root = tmp_path_factory.mktemp("stages") / "checkout"
    program.copy(PACKAGE_ROOT, git.files(PACKAGE_ROOT), root)
    checkout = Checkout(root)
    checkout.commit()
    # It is ignored as a folder, and here it is a link.
    (root / ".venv").symlink_to(PACKAGE_ROOT / ".venv")
    with (root / ".git" / "info" / "exclude").open("a") as exclude:
        exclude.write("/.venv\n")
    try:
        yield checkout
    finally:
        checkout.moe("sandbox", "down")


@pytest.fixture(scope="module")
def documents(checkout: Checkout) -> dict[str, Any]:
    """The stack is up; what `up` said of it."""
    result = checkout.moe("sandbox", "up", "--json", "--stack", STACK)
    assert result.returncode == 0, result.stdout + result.stderr
    stacks: dict[str, Any] = json.loads(result.stdout)["stacks"]
    return stacks


def test_it_is_up_as_its_file_says(documents: dict[str, Any]) -> None:
    assert list(documents) == [STACK]
    assert len(documents[STACK]["gpu_nodes"]) == 1
    assert [(each["ready"], each["desired"]) for each in documents[STACK]["models"]] == [(1, 1)]


@pytest.mark.usefixtures("documents")
def test_no_tracked_file_has_changed(checkout: Checkout) -> None:
    assert checkout.changed() == ""


@pytest.mark.usefixtures("documents")
def test_a_plan_of_one_copy_of_the_program_is_applied_from_another(
    checkout: Checkout, tmp_path: Path
) -> None:
    """So a promotion works; the stack's file has no salt, and each copy would get another."""
    plan = tmp_path / "plan.json"
    for number, arguments in enumerate(
        (
            ("preview", "--save-plan", str(plan)),
            ("up", "--yes", "--skip-preview", "--plan", str(plan)),
        )
    ):
        folder = tmp_path / f"copy-{number}"
        program.copy(checkout.root, git.files(checkout.root), folder)
        (folder / ".venv").symlink_to(PACKAGE_ROOT / ".venv")
        file = folder / "stacks" / "Pulumi.dev.yaml"
        file.write_text(file.read_text().replace("3" * 64, "4" * 64))
        run = PulumiStack("dev", folder, checkout.stack("dev").environment).run(*arguments)
        assert run.exit_code == 0, run.output
    state = checkout.stack("dev").state()
    assert state is not None
    assert state.released is not None
    assert state.released.settings["model_server.image"] == f"sha256:{'4' * 64}"


@pytest.mark.usefixtures("documents")
def test_down_leaves_nothing_even_after_pulumi_by_hand(checkout: Checkout) -> None:
    preview = checkout.pulumi(STACK, "preview", "--stack", STACK)
    assert preview.returncode == 0, preview.stdout + preview.stderr
    # What Pulumi does to the file of a stack that has no salt.
    assert checkout.changed() == f" M stacks/Pulumi.{STACK}.yaml\n"
    assert processes_in(checkout.root)

    assert checkout.moe("sandbox", "down").returncode == 0

    assert checkout.changed() == ""
    assert checkout.ignored() == {".venv"}
    assert processes_in(checkout.root) == []
