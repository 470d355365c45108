"""The real engine on a sandbox of the tests' own, with a copy of the program to play with."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from durable.places import PACKAGE_ROOT
from sandbox.charts import write_charts
from sandbox.control_plane.kube_api import KubeApi
from sandbox.lifecycle import Sandbox, start, stop
from sandbox.paths import SandboxPaths
from sandbox.reporter import SilentReporter

PROGRAM = (
    *("Pulumi.yaml", "__main__.py"),
    *("catalog", "components", "efa_exporter", "policies", "stacks"),
)


@dataclass
class Project:
    """A copy of the program, and the sandbox that it runs against."""

    folder: Path
    sandbox: Sandbox

    def pulumi(self, *arguments: str, stack: str = "local") -> subprocess.CompletedProcess[str]:
        """Run the real CLI; the caller looks at the exit code."""
        return subprocess.run(
            [
                self.sandbox.paths.bin / "pulumi",
                *arguments,
                *("--stack", stack, "--non-interactive", "--color=never"),
            ],
            cwd=self.folder,
            env=self.sandbox.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def up(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        packs = ("--policy-pack", str(self.folder / "policies"))
        return self.pulumi("up", "--yes", "--skip-preview", *packs, *arguments)

    def preview(
        self, *arguments: str, stack: str = "local", policies: bool = True
    ) -> subprocess.CompletedProcess[str]:
        packs = ("--policy-pack", str(self.folder / "policies")) if policies else ()
        return self.pulumi("preview", *packs, *arguments, stack=stack)

    def state(self) -> list[dict[str, Any]]:
        exported = json.loads(self.pulumi("stack", "export").stdout)
        resources: list[dict[str, Any]] = exported["deployment"].get("resources", [])
        return resources

    def change(self, section: str, **values: object) -> None:
        """Edit `stacks/Pulumi.local.yaml` as a user would, comments and order kept."""
        self._edit(section, lambda old: old.update(values))

    def replace_section(self, section: str, **values: object) -> None:
        """As `change`, with nothing kept of the section."""
        self._edit(section, lambda old: (old.clear(), old.update(values)))

    def _edit(self, section: str, edit: Callable[[Any], object]) -> None:
        path = self.folder / "stacks" / "Pulumi.local.yaml"
        yaml = YAML()
        document = yaml.load(path)
        edit(document["config"][f"moe-serving:{section}"])
        yaml.dump(document, path)

    def append_to_program(self, text: str) -> None:
        """Smuggle something past the settings, at the end of `__main__.py`."""
        program = self.folder / "__main__.py"
        program.write_text(f"{program.read_text()}\n{text}")

    def with_keda(self) -> None:
        """KEDA runs too from here on, and its chart is there: for stacks with autoscaling."""
        sandbox = start(SilentReporter(), SandboxPaths(self.folder), keda=True)
        write_charts(sandbox.paths.charts, sandbox.tools)

    def restore(self) -> None:
        """Undo every edit."""
        for name in PROGRAM:
            source, target = PACKAGE_ROOT / name, self.folder / name
            if source.is_dir():
                shutil.rmtree(target, ignore_errors=True)
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)

    @property
    def kube(self) -> KubeApi:
        return KubeApi(self.sandbox.paths.admin_kubeconfig)


def new_project(folder: Path) -> Project:
    sandbox = start(SilentReporter(), SandboxPaths(folder))
    write_charts(sandbox.paths.charts, sandbox.tools)
    project = Project(folder, sandbox)
    project.restore()
    created = project.pulumi("stack", "select", "--create")
    assert created.returncode == 0, created.stderr
    return project


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A sandbox with stack `local` up; shared, so tests leave it as it was."""
    folder = tmp_path_factory.mktemp("engine")
    project = new_project(folder)
    try:
        up = project.up()
        assert up.returncode == 0, up.stdout + up.stderr
        yield project
    finally:
        stop(purge=True, reporter=SilentReporter(), paths=SandboxPaths(folder))


@pytest.fixture
def project(running: Project) -> Iterator[Project]:
    """The running stack with an untouched program before and after the test."""
    yield running
    running.restore()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Project]:
    """A fresh sandbox in which nothing is up yet."""
    project = new_project(tmp_path)
    try:
        yield project
    finally:
        stop(purge=True, reporter=SilentReporter(), paths=SandboxPaths(tmp_path))
