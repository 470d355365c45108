"""What a machine does to an `up`: kills, interrupts, a second one at once."""

import json
import os
import shutil
import signal
import subprocess
import sys
import termios
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest

from durable.places import PACKAGE_ROOT
from promotion.pulumi_stack import PulumiStack
from sandbox import lifecycle
from sandbox.lifecycle import status, stop
from sandbox.reporter import SilentReporter
from sandbox.stack import Stack, StackBusyError
from tests.engine.conftest import Project


def begin_up(project: Project) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(
                project.sandbox.paths.bin / "pulumi",
                "up",
                "--yes",
                "--skip-preview",
                "--stack",
                "local",
            ),
            *("--policy-pack", "policies", "--non-interactive"),
        ],
        cwd=project.folder,
        env=project.sandbox.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def client(project: Project, service: str) -> Any:
    environment = project.sandbox.environment()
    return boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    pytest.fail(f"{words!r} was never printed")


def again(project: Project) -> Project:
    """What `make up` does: start what does not run, then the stack."""
    sandbox = lifecycle.start(SilentReporter(), project.sandbox.paths)
    with Path(os.devnull).open("w") as nowhere:
        Stack(sandbox, "local", project.folder, nowhere).up()
    return Project(project.folder, sandbox)


def pending(project: Project) -> list[str]:
    deployment = json.loads(project.pulumi("stack", "export").stdout)["deployment"]
    return [each["resource"]["type"] for each in deployment.get("pending_operations", [])]


def kill_engine(process: subprocess.Popen[str]) -> None:
    """With its plugins, which are in process groups of their own."""
    engine = psutil.Process(process.pid)
    for each in (engine, *engine.children(recursive=True)):
        # One that ends with its parent may be gone by its turn.
        with suppress(psutil.NoSuchProcess):
            each.kill()
    process.communicate()


def test_sandbox_and_engine_killed_in_the_middle_then_up_finishes(empty: Project) -> None:
    process = begin_up(empty)
    wait_for(process, "aws:eks:Cluster")
    for name in status(empty.sandbox.paths).processes:
        if name.pid is not None:
            os.kill(name.pid, signal.SIGKILL)
    kill_engine(process)

    finished = again(empty)
    assert finished.up("--expect-no-changes").returncode == 0
    drift = finished.pulumi("refresh", "--preview-only", "--expect-no-changes")
    assert drift.returncode == 0, drift.stdout


def test_a_release_that_helm_has_and_the_state_has_not_is_taken_over(empty: Project) -> None:
    process = begin_up(empty)
    wait_for(process, "helm.sh/v3:Release monitoring creating")
    records = "/api/v1/namespaces/monitoring/secrets?labelSelector=owner%3Dhelm"
    deadline = time.monotonic() + 60
    while not empty.kube.items(records):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    kill_engine(process)
    assert "kubernetes:helm.sh/v3:Release" in pending(empty)

    finished = again(empty)
    assert pending(finished) == []
    assert finished.up("--expect-no-changes").returncode == 0


def copy_command(project: Project) -> None:
    """What makes the program's copy a whole checkout, with a `moe` of its own."""
    for package in ("cli", "durable", "preflight", "sandbox"):
        if (PACKAGE_ROOT / package).exists():
            shutil.copytree(PACKAGE_ROOT / package, project.folder / package)


def begin_on_terminal(project: Project) -> tuple[subprocess.Popen[bytes], int]:
    """`moe sandbox up`, and the other end of its terminal."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (50, 200))
    process = subprocess.Popen(
        [sys.executable, "-c", "from cli.main import app; app()", "sandbox", "up"],
        cwd=project.folder,
        preexec_fn=partial(os.login_tty, theirs),
    )
    os.close(theirs)
    return process, ours


def read_terminal(ours: int, until: bytes = b"\0") -> bytes:
    """What is shown until the words appear, or until nobody is left to show anything."""
    shown = b""
    while until not in shown:
        try:
            shown += os.read(ours, 65536)
        except OSError:
            break
    return shown


def test_ctrl_c_then_a_closed_terminal_and_the_same_command_goes_on(empty: Project) -> None:
    copy_command(empty)
    process, terminal = begin_on_terminal(empty)
    read_terminal(terminal, b"aws:ec2:Vpc")
    os.write(terminal, b"\x03")
    shown = read_terminal(terminal)
    os.close(terminal)
    assert b"interrupted; the same command goes on from here" in shown
    assert process.wait(timeout=120) == 1
    assert status(empty.sandbox.paths).trouble == "incomplete: run `make up` again"
    interrupted = empty.state()
    assert interrupted

    process, terminal = begin_on_terminal(empty)
    read_terminal(terminal, b"helm.sh/v3:Release")
    os.close(terminal)
    assert process.wait(timeout=120) == 1
    assert len(empty.state()) > len(interrupted)
    assert pending(empty) == []
    found = PulumiStack.of("local", empty.folder).state()
    assert found is not None
    assert found.resources == empty.state(), "stacks/local.env leads every command there"

    assert again(empty).up("--expect-no-changes").returncode == 0


def test_a_second_up_at_once_is_told_who_works(project: Project) -> None:
    project.change("alerts", vllm={"kv_cache_usage_ratio": 0.8})
    first = begin_up(project)
    locks = project.sandbox.paths.backend / ".pulumi" / "locks"
    deadline = time.monotonic() + 30
    while not list(locks.rglob("*.json")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with Path(os.devnull).open("w") as nowhere:
        stack = Stack(project.sandbox, "local", project.folder, nowhere)
        with pytest.raises(StackBusyError, match=f"process {first.pid} of "):
            stack.up()
    first.communicate()
    assert first.returncode == 0
    project.restore()
    assert project.up().returncode == 0


def test_a_moved_control_plane_is_followed(empty: Project) -> None:
    """Somebody takes the API server's port between a stop and the next start."""
    import socket

    first = again(empty)
    stop(purge=False, reporter=SilentReporter(), paths=first.sandbox.paths)
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", first.sandbox.endpoints.kube_port))
        thief.listen()
        second = again(empty)
    assert second.sandbox.endpoints.kube_port != first.sandbox.endpoints.kube_port
    assert second.up("--expect-no-changes").returncode == 0


def test_destroy_leaves_nothing(empty: Project) -> None:
    running = again(empty)
    result = running.pulumi("destroy", "--yes", "--skip-preview")
    assert result.returncode == 0, result.stdout + result.stderr
    assert running.state() == []
    assert running.kube.items("/api/v1/nodes") == []
    namespaces = {n["metadata"]["name"] for n in running.kube.items("/api/v1/namespaces")}
    assert namespaces == {"default", "kube-node-lease", "kube-public", "kube-system"}

    aws = {name: client(running, name) for name in ("ec2", "eks", "iam", "kms", "logs")}
    assert [v for v in aws["ec2"].describe_vpcs()["Vpcs"] if not v["IsDefault"]] == []
    assert aws["ec2"].describe_launch_templates()["LaunchTemplates"] == []
    assert aws["eks"].list_clusters()["clusters"] == []
    assert aws["iam"].list_roles()["Roles"] == []
    aliases = {alias["AliasName"] for alias in aws["kms"].list_aliases()["Aliases"]}
    assert {alias for alias in aliases if not alias.startswith("alias/aws/")} == set()
    assert aws["logs"].describe_log_groups()["logGroups"] == []
