"""The language host under the real engine: programs, policy packs, and how they end."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from sandbox.lifecycle import Sandbox
from tests.sandbox.conftest import create_cluster, eventually

CLUSTER = "moe-host"

PROGRAM = """
import base64, json, os
from pathlib import Path
import pulumi
import pulumi_kubernetes as k8s

config = pulumi.Config()
if config.get("exit"):
    raise SystemExit(int(config.require("exit")))
if config.get("fail"):
    raise ValueError("the program is broken")
endpoints = json.loads(Path(os.environ["MOE_SANDBOX_DIR"], "endpoints.json").read_text())
authority = base64.b64encode(Path(endpoints["kube_ca_file"]).read_bytes()).decode()
arguments = ["eks", "get-token", "--cluster-name", "moe-host", "--region", "us-east-1"]
kubeconfig = {
    "apiVersion": "v1", "kind": "Config", "current-context": "c",
    "clusters": [{"name": "c", "cluster": {
        "server": endpoints["kube_server"], "certificate-authority-data": authority}}],
    "users": [{"name": "c", "user": {"exec": {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws", "args": arguments, "interactiveMode": "Never"}}}],
    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
}


class Group(pulumi.ComponentResource):
    def __init__(self, name: str, provider: k8s.Provider) -> None:
        super().__init__("test:index:Group", name)
        options = pulumi.ResourceOptions(parent=self, provider=provider)
        space = k8s.core.v1.Namespace("space", metadata={"name": "host"}, opts=options)
        k8s.core.v1.ConfigMap(
            "map", metadata={"name": "map", "namespace": space.metadata.name},
            data={"value": config.get("value") or "good"}, opts=options)
        if config.get("stuck"):
            k8s.core.v1.Pod(
                "stuck", metadata={"name": "stuck", "namespace": space.metadata.name},
                spec={"containers": [{"name": "main", "image": "example.test/image"}]},
                opts=options)
        self.register_outputs({})


provider = k8s.Provider("k", kubeconfig=json.dumps(kubeconfig), cluster_identifier="moe-host")
Group("group", provider)
pulumi.export("hidden", config.get_secret("hidden"))
"""

POLICIES = """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy


def check(args, report):
    if args.props.get("data", {}).get("value") == "bad":
        report("value must not be bad")


PolicyPack(
    "test", enforcement_level=EnforcementLevel.MANDATORY,
    policies=[ResourceValidationPolicy("no-bad-value", "no bad value", check)])
"""


@dataclass(frozen=True)
class Project:
    """A stack with a policy pack, on a sandbox."""

    folder: Path
    environment: dict[str, str]

    def command(self, *arguments: str) -> list[str]:
        return [self.environment["PULUMI"], *arguments, "--non-interactive"]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def set(self, key: str, value: str | None) -> None:
        done = self.run(*(["config", "set", key, value] if value else ["config", "rm", key]))
        assert done.returncode == 0, done.stderr

    def up(self) -> subprocess.CompletedProcess[str]:
        return self.run("up", "--yes", "--skip-preview", "--policy-pack", "policies")

    def deployment(self) -> dict[str, list[dict[str, object]]]:
        exported = self.run("stack", "export")
        assert exported.returncode == 0, exported.stderr
        found: dict[str, list[dict[str, object]]] = json.loads(exported.stdout)["deployment"]
        return found


@pytest.fixture(scope="module")
def project(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    create_cluster(sandbox, CLUSTER)
    folder = tmp_path_factory.mktemp("project")
    (folder / "policies").mkdir()
    (folder / "Pulumi.yaml").write_text("name: host\nruntime: python\n")
    (folder / "__main__.py").write_text(PROGRAM)
    (folder / "policies" / "PulumiPolicy.yaml").write_text("runtime: python\n")
    (folder / "policies" / "__main__.py").write_text(POLICIES)
    passphrase = folder / "passphrase"
    passphrase.write_text("test")
    environment = sandbox.environment(passphrase_file=passphrase)
    project = Project(folder, {**environment, "PULUMI": str(sandbox.paths.bin / "pulumi")})
    made = project.run("stack", "init", "test")
    assert made.returncode == 0, made.stderr
    yield project
    assert plugin_processes(project) == []


def plugin_processes(project: Project) -> list[str]:
    """Processes that an engine of this project left behind."""
    home = project.environment["PULUMI_HOME"]
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("PULUMI_HOME") == home and process.status() != "zombie":
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def test_up_and_again_without_changes(project: Project) -> None:
    project.set("hidden", "hush")
    first = project.up()
    assert first.returncode == 0, first.stdout + first.stderr
    assert "+ 5 created" in first.stdout
    assert "from $PATH" not in first.stdout + first.stderr
    second = project.up()
    assert second.returncode == 0, second.stdout
    assert "5 unchanged" in second.stdout
    refreshed = project.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    assert refreshed.returncode == 0, refreshed.stdout


def test_mandatory_policy_blocks(project: Project) -> None:
    project.set("value", "bad")
    try:
        refused = project.up()
    finally:
        project.set("value", None)
    assert refused.returncode != 0
    assert "value must not be bad" in refused.stdout
    assert "Resource monitor has terminated" not in refused.stdout
    maps = [r for r in project.deployment()["resources"] if str(r["urn"]).endswith("::map")]
    assert '"value": "good"' in json.dumps(maps)


def test_exception_is_shown_with_the_frames_of_the_program(project: Project) -> None:
    project.set("fail", "1")
    try:
        failed = project.run("preview")
    finally:
        project.set("fail", None)
    assert failed.returncode != 0
    assert "ValueError: the program is broken" in failed.stdout
    assert f'File "{project.folder}/__main__.py"' in failed.stdout
    assert "language_exec" not in failed.stdout
    assert "runpy" not in failed.stdout


@pytest.mark.parametrize(("status", "ok"), [("0", True), ("3", False)])
def test_exit_of_the_program_is_told(project: Project, status: str, ok: bool) -> None:
    project.set("exit", status)
    try:
        ended = project.run("preview")
    finally:
        project.set("exit", None)
    assert (ended.returncode == 0) is ok
    assert ("Program exited with non-zero exit code: 3" in ended.stdout) is not ok


def test_interrupt_leaves_readable_state_that_the_next_up_finishes(project: Project) -> None:
    project.set("stuck", "1")
    try:
        child = subprocess.Popen(
            project.command("up", "--yes", "--skip-preview"),
            cwd=project.folder,
            env=project.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert child.stdout is not None
        for line in child.stdout:
            if re.search(r"Pod stuck creating", line):
                break
        time.sleep(1)
        os.killpg(child.pid, signal.SIGINT)
        child.communicate(timeout=60)
        assert child.returncode != 0
    finally:
        project.set("stuck", None)
    assert eventually(lambda: plugin_processes(project), lambda left: left == []) == []
    assert project.deployment()["resources"]
    finished = project.up()
    assert finished.returncode == 0, finished.stdout
    assert project.deployment().get("pending_operations", []) == []


def test_about_and_dependencies_answer(project: Project) -> None:
    about = project.run("about", "--json")
    assert about.returncode == 0, about.stderr
    told = json.loads(about.stdout)
    assert told["runtime"]["language"] == "python"
    assert "pulumi" in {entry["name"].lower() for entry in told["dependencies"]}


def test_destroy_leaves_nothing(project: Project) -> None:
    done = project.run("destroy", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout
    assert project.deployment().get("resources", []) == []
