"""A repository with the small program, four stacks of it, and `moe` in it as a user runs it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from catalog.project import PROJECT
from durable.places import PACKAGE_ROOT
from sandbox.lifecycle import Sandbox

SMALL_PROGRAM = Path(__file__).parent / "small_program" / "__main__.py"
STACKS = ("local", "dev", "staging", "prod")
_CODE = (
    *("catalog", "cli", "components", "durable", "efa_exporter", "expert_metrics", "gate"),
    *("planner", "policies", "preflight", "promotion", "sandbox", "stacks"),
)
_FILES = ("Pulumi.yaml", ".gitignore")
_LIKE = "dev"
"""The stack whose file all four begin with."""


@dataclass
class Repository:
    """`root` is a git repository of its own; `moe` runs from its code, not from the checkout's."""

    root: Path
    sandbox: Sandbox
    variables: Mapping[str, str] = field(default_factory=dict)

    def moe(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cli", *arguments],
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def moe_json(self, *arguments: str) -> Any:
        result = self.moe(*arguments, "--json")
        try:
            return json.loads(result.stdout)
        except ValueError:
            raise AssertionError(f"{arguments}: {result.stdout}{result.stderr}") from None

    def pulumi(self, stack: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.sandbox.paths.bin / "pulumi", *arguments, "--stack", stack, "--non-interactive"],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def up(self, stack: str) -> None:
        """As a user does it by hand."""
        policies = ("--policy-pack", str(self.root / "policies"))
        result = self.pulumi(stack, "up", "--yes", "--skip-preview", *policies)
        assert result.returncode == 0, result.stdout + result.stderr

    def secret(self, stack: str, key: str, value: str) -> None:
        result = self.pulumi(stack, "config", "set", "--secret", key, value)
        assert result.returncode == 0, result.stderr

    def git(self, *arguments: str) -> str:
        result = subprocess.run(
            ["git", *arguments],  # noqa: S607
            cwd=self.root,
            capture_output=True,
            text=True,
            check=True,
        )
        return result.stdout.strip()

    def commit(self, message: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")

    def stack_file(self, stack: str) -> Path:
        return self.root / "stacks" / f"Pulumi.{stack}.yaml"

    def edit(self, stack: str, section: str, change: Callable[[Any], object]) -> None:
        """As a user would, comments and order kept."""
        yaml = YAML()
        path = self.stack_file(stack)
        document = yaml.load(path)
        change(document["config"].setdefault(f"{PROJECT}:{section}", {}))
        yaml.dump(document, path)

    def change(self, stack: str, section: str, **values: object) -> None:
        self.edit(stack, section, lambda old: old.update(values))

    def next_release(self, number: int, stack: str = "local") -> str:
        """Another version of a chart in `stack`, up by hand, and the id of the release of that."""
        self.change(stack, "charts", gpu_operator=f"v26.7.{number}")
        self.commit(f"chart {number}")
        self.up(stack)
        made = self.moe_json("release", "create", "--stack", stack)
        self.commit(f"release {number}")
        return str(made["release"]["id"])

    def runs(self, stack: str) -> Any:
        """What the stack says that it runs, by its state."""
        result = self.pulumi(stack, "stack", "output", "release", "--json")
        return json.loads(result.stdout)

    @property
    def environment(self) -> dict[str, str]:
        given = {**self.sandbox.environment(), **self.variables}
        return {**given, "PYTHONPATH": str(self.root), "MOE_CACHE_DIR": _cache()}


def _cache() -> str:
    return os.environ.get("MOE_CACHE_DIR", str(Path.home() / ".cache" / "moe-serving"))


def new_repository(root: Path, sandbox: Sandbox, program: Path = SMALL_PROGRAM) -> Repository:
    """One commit, and a stack file for each of STACKS; nothing is deployed."""
    for name in _CODE:
        ignored = shutil.ignore_patterns("__pycache__", "Pulumi.*.yaml", "*.env")
        shutil.copytree(PACKAGE_ROOT / name, root / name, ignore=ignored)
    for file in _FILES:
        shutil.copy(PACKAGE_ROOT / file, root / file)
    shutil.copy(program, root / "__main__.py")
    repository = Repository(root, sandbox)
    for stack in STACKS:
        shutil.copy(PACKAGE_ROOT / "stacks" / f"Pulumi.{_LIKE}.yaml", repository.stack_file(stack))
    repository.git("init", "--quiet", "--initial-branch", "main")
    repository.git("config", "user.name", "Ada Author")
    repository.git("config", "user.email", "ada@example.com")
    for stack in STACKS:
        created = repository.pulumi(stack, "stack", "select", "--create")
        assert created.returncode == 0, created.stderr
    for source, target in pairwise(STACKS):
        repository.change(target, "promotion", source=source, soak_hours=0)
    repository.commit("the program")
    return repository
