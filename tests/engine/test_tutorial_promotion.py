"""docs/tutorial-promotion.md, typed as it stands there, in a fresh clone with three real stacks.

How long each block takes: pytest --log-cli-level INFO
"""

import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from durable.places import PACKAGE_ROOT, cache_root
from gate.stacks import git, program
from tests.engine.left_processes import processes_in
from tests.engine.tutorial import Step, steps

PAGE = PACKAGE_ROOT / "docs" / "tutorial-promotion.md"
_STEP_TIMEOUT_S = 3600.0
_LOG = logging.getLogger(__name__)
_MOE = """\
#!/bin/sh
PYTHONPATH='{root}' exec '{python}' -m cli "$@"
"""
_GIT_CONFIG = """\
[user]
name = Mira Novak
email = mira@example.com
[init]
defaultBranch = main
"""


@dataclass(frozen=True)
class Clone:
    """A repository of what is tracked here, with packages installed as `make up` leaves them."""

    root: Path

    @property
    def environment(self) -> dict[str, str]:
        config = str(self.root.parent / "gitconfig")
        own = {"GIT_CONFIG_GLOBAL": config, "GIT_CONFIG_NOSYSTEM": "1"}
        return {**os.environ, **own, "MOE_CACHE_DIR": str(cache_root())}

    def make(self) -> None:
        program.copy(PACKAGE_ROOT, git.files(PACKAGE_ROOT), self.root)
        self._install()
        (self.root.parent / "gitconfig").write_text(_GIT_CONFIG)
        for words in ("init --quiet", "add --all", "commit --quiet --message clone"):
            self.run("git", *words.split())

    def run(self, *command: str) -> str:
        result = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return result.stdout

    def _install(self) -> None:
        """Links to what this interpreter has, with a `moe` that runs the clone's own code."""
        here, there = Path(sys.prefix), self.root / ".venv"
        for folder in (Path(), Path("bin")):
            (there / folder).mkdir()
            for entry in (here / folder).iterdir():
                if entry.name not in ("bin", "moe"):
                    (there / folder / entry.name).symlink_to(entry)
        moe = there / "bin" / "moe"
        moe.write_text(_MOE.format(root=self.root, python=sys.executable))
        moe.chmod(0o755)


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    clone = Clone(tmp_path / "clone")
    clone.make()
    try:
        yield clone
    finally:
        subprocess.run(
            [clone.root / ".venv" / "bin" / "moe", "sandbox", "down"],
            cwd=clone.root,
            env=clone.environment,
            capture_output=True,
            check=False,
        )
        for process in processes_in(clone.root):
            process.kill()


def test_what_the_page_says_happens(clone: Clone) -> None:
    for step in steps(PAGE.read_text()):
        began = time.monotonic()
        ran = step.run(clone.root, clone.environment, _STEP_TIMEOUT_S)
        _LOG.info("line %d took %.0f s", step.line, time.monotonic() - began)
        told = f"{PAGE.name}, line {step.line}:\n{step.commands}\n{ran.output}"
        assert ran.exit_code == step.exit_code, told
        assert not ran.missing(), f"not printed: {ran.missing()}\n{told}"
    assert processes_in(clone.root) == []
    assert clone.run("git", "status", "--porcelain") == ""


def test_the_page_has_refusals_and_outputs_and_nothing_that_is_not_run() -> None:
    page = PAGE.read_text()
    assert set(re.findall(r"^```(.+)", page, re.MULTILINE)) == {"sh", "text"}
    found = list(steps(page))
    assert {step.exit_code for step in found} == {0, 2}
    assert sum(bool(step.shown) for step in found) > len(found) / 2


def test_a_block_is_run_and_its_lines_are_looked_for(tmp_path: Path) -> None:
    page = "\n".join(
        [
            *(
                "# Page",
                "```sh",
                "echo one; echo id 12 of dev >&2",
                "exit 2   # exit code 2",
                "```",
            ),
            *("It says:", "```text", "  one", "...", "id ... of dev", "id ... of prod", "```"),
            *("```yaml", "not: run", "```", "```sh", "touch made", "```", ""),
        ]
    )
    first, second = steps(page)
    assert (first.line, first.exit_code) == (2, 2)
    assert second == Step(16, "touch made", 0)

    ran = first.run(tmp_path, os.environ, timeout_s=60)
    assert ran.exit_code == 2
    assert ran.missing() == ["id ... of prod"]


def test_output_of_no_command_is_a_mistake_of_the_page() -> None:
    with pytest.raises(ValueError, match="line 1"):
        list(steps("```text\none\n```\n"))


def test_what_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        Step(1, "sleep 600 & echo $! > pid; wait", 0).run(tmp_path, os.environ, timeout_s=1)
    pid = int((tmp_path / "pid").read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
