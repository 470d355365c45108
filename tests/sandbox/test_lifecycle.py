"""Starting, repairing and removing sandboxes."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from durable.locks import LockHeldError, held_lock
from durable.places import PACKAGE_ROOT
from sandbox.endpoints import LOOPBACK
from sandbox.lifecycle import (
    Sandbox,
    StartError,
    attach,
    noted_as_unfinished,
    start,
    status,
    stop,
)
from sandbox.paths import SandboxPaths
from sandbox.processes import ProcessTable
from sandbox.reporter import SilentReporter
from sandbox.toolchain.ensure import Tools
from tests.sandbox.conftest import Kube, create_cluster, eventually, shim_token

NewSandbox = Callable[..., Sandbox]


class Heard(SilentReporter):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.warnings: list[str] = []

    def step(self, text: str) -> None:
        self.steps.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def pid_of(sandbox: Sandbox, name: str) -> int:
    pid = next(p.pid for p in status(sandbox.paths).processes if p.name == name)
    assert pid is not None
    return pid


def kill(sandbox: Sandbox, name: str) -> None:
    pid = pid_of(sandbox, name)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: pid not in {p.pid for p in status(sandbox.paths).processes})


def again(sandbox: Sandbox, reporter: SilentReporter | None = None) -> Sandbox:
    return start(reporter or SilentReporter(), sandbox.paths)


def test_second_start_starts_nothing_and_attach_finds_it(new_sandbox: NewSandbox) -> None:
    first = new_sandbox()
    begun = time.monotonic()
    assert again(first).started == ()
    assert time.monotonic() - begun < 5
    found = attach(first.paths)
    assert found is not None
    assert found.endpoints == first.endpoints
    assert all(process.alive and process.rss_mib > 1 for process in status(first.paths).processes)


def test_start_repairs_what_was_killed_and_keeps_the_data(new_sandbox: NewSandbox) -> None:
    sandbox = new_sandbox()
    create_cluster(sandbox, "kept")
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kept"}}
    uid = Kube(sandbox).create("/api/v1/namespaces", body)["metadata"]["uid"]
    for victims in (("kube-apiserver",), ("etcd",), ("moto",), ("kwok", "kube-scheduler", "etcd")):
        for name in victims:
            kill(sandbox, name)
        assert not status(sandbox.paths).running
        assert attach(sandbox.paths) is None
        repaired = again(sandbox)
        assert set(victims) <= set(repaired.started)
        assert repaired.endpoints == sandbox.endpoints
        assert Kube(sandbox).get("/api/v1/namespaces/kept")["metadata"]["uid"] == uid
        caller = Kube(sandbox, shim_token(sandbox, "kept"), certificate=False)
        assert caller.call("GET", "/version")[0] == 200


def test_status_says_what_is_wrong_and_what_to_do(new_sandbox: NewSandbox) -> None:
    sandbox = new_sandbox()
    assert status(sandbox.paths).trouble is None
    with pytest.raises(KeyboardInterrupt), noted_as_unfinished(sandbox.paths):
        raise KeyboardInterrupt
    assert status(sandbox.paths).trouble == "incomplete: run `make up` again"
    with noted_as_unfinished(sandbox.paths):
        pass
    assert status(sandbox.paths).trouble is None
    kill(sandbox, "kwok")
    assert (
        status(sandbox.paths).trouble == "stopped: kwok; run `make up` again, it goes on from there"
    )


def test_taken_port_is_replaced_and_reported(new_sandbox: NewSandbox) -> None:
    sandbox = new_sandbox()
    stop(purge=False, reporter=SilentReporter(), paths=sandbox.paths)
    heard = Heard()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((LOOPBACK, sandbox.endpoints.kube_port))
        other.listen()
        moved = again(sandbox, heard)
    assert moved.endpoints.ports_changed == ("kube_port",)
    assert moved.endpoints.kube_port != sandbox.endpoints.kube_port
    assert moved.endpoints.moto_port == sandbox.endpoints.moto_port
    assert any("kube_port" in warning for warning in heard.warnings)
    assert Kube(moved).get("/version")
    stayed = again(moved)
    assert stayed.started == ()
    assert stayed.endpoints.ports_changed == ()


def test_two_sandboxes_side_by_side(new_sandbox: NewSandbox) -> None:
    one, two = new_sandbox("one"), new_sandbox("two")
    assert one.endpoints.access_key != two.endpoints.access_key
    create_cluster(one, "only-in-one")
    token = shim_token(one, "only-in-one")
    assert Kube(one, token, certificate=False).call("GET", "/version")[0] == 200
    assert Kube(two, token, certificate=False).call("GET", "/version")[0] == 401
    stop(purge=True, reporter=SilentReporter(), paths=one.paths)
    assert status(two.paths).running


def test_purge_leaves_nothing(new_sandbox: NewSandbox) -> None:
    sandbox = new_sandbox()
    pids = [process.pid for process in status(sandbox.paths).processes]
    ended = stop(purge=True, reporter=SilentReporter(), paths=sandbox.paths)
    assert ended[0] == "lws-controller-manager"
    assert ended[-1] == "etcd"
    assert list(sandbox.paths.root.iterdir()) == []
    assert not any(psutil.pid_exists(pid) for pid in pids if pid is not None)
    assert stop(purge=True, reporter=SilentReporter(), paths=sandbox.paths) == ()


def test_state_removed_by_hand_does_not_leave_processes(new_sandbox: NewSandbox) -> None:
    sandbox = new_sandbox()
    before = [process.pid for process in status(sandbox.paths).processes]
    subprocess.run(["/bin/rm", "-rf", str(sandbox.paths.state)], check=True)
    heard = Heard()
    after = again(sandbox, heard)
    assert len(after.started) == len(before)
    assert len([w for w in heard.warnings if "record was lost" in w]) == len(before)
    left = [psutil.Process(pid) for pid in before if pid is not None and psutil.pid_exists(pid)]
    assert left == []


def test_recycled_process_id_is_not_taken_for_ours(tmp_path: Path) -> None:
    other = psutil.Process()
    record = f'{{"pid": {other.pid}, "started": {other.create_time() - 60}, "fingerprint": ""}}'
    (tmp_path / "etcd.json").write_text(record)
    table = ProcessTable(tmp_path, tmp_path)
    assert table.running("etcd") is None
    assert table.stop("etcd", 1) is False


def test_failed_start_names_process_log_and_last_lines(new_sandbox: NewSandbox) -> None:
    sandbox = new_sandbox()
    kill(sandbox, "moto")
    sandbox.paths.journal.write_text("no journal\n{}\n")
    with pytest.raises(StartError) as failure:
        again(sandbox)
    message = str(failure.value)
    assert message.startswith("moto ended by itself")
    assert "line 1, cannot be read" in message
    assert str(sandbox.paths.logs / "moto.log") in message


def test_interrupted_start_is_finished_by_the_next(tools: Tools, tmp_path: Path) -> None:
    paths = SandboxPaths(tmp_path)
    code = (
        "from pathlib import Path; from sandbox.lifecycle import start; "
        "from sandbox.paths import SandboxPaths; from sandbox.reporter import PlainReporter; "
        f"start(PlainReporter(), SandboxPaths(Path({str(tmp_path)!r})))"
    )
    try:
        child = subprocess.Popen(
            [sys.executable, "-c", code], cwd=PACKAGE_ROOT, stderr=subprocess.PIPE, text=True
        )
        assert child.stderr is not None
        for line in child.stderr:
            if "kube-apiserver" in line:
                break
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=20)
        assert child.returncode != 0
        assert not status(paths).running
        sandbox = start(SilentReporter(), paths)
        assert Kube(sandbox).get("/version")
    finally:
        stop(purge=True, reporter=SilentReporter(), paths=paths)


def test_second_start_at_once_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    told: list[str] = []
    holding, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with held_lock(lock, "starts the sandbox", on_wait=told.append):
            holding.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert holding.wait(5)
    try:
        with (
            pytest.raises(LockHeldError, match=f"starts the sandbox, in {PACKAGE_ROOT}, for"),
            held_lock(lock, "second", on_wait=told.append, wait_seconds=0.5),
        ):
            pass
    finally:
        leave.set()
        thread.join()
    assert f"process {os.getpid()}" in told[0]
    with held_lock(lock, "third", on_wait=told.append):
        assert len(told) == 1


def test_environment_leads_to_nothing_real(
    new_sandbox: NewSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    monkeypatch.setenv("PULUMI_ACCESS_TOKEN", "real")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "real")
    monkeypatch.setenv("NO_PROXY", "intranet.example.com, 127.0.0.1")
    monkeypatch.delenv("no_proxy", raising=False)
    sandbox = new_sandbox()
    found = sandbox.environment()
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "PULUMI_ACCESS_TOKEN"):
        assert name not in found
    assert found["AWS_ENDPOINT_URL"] == sandbox.endpoints.moto_url
    # Providers leave kubeconfigs in the folder for temporary files.
    assert Path(found["TMPDIR"]).is_relative_to(sandbox.paths.state)
    assert Path(found["TMPDIR"]).is_dir()
    shell = subprocess.run(
        ["/bin/sh", "-c", f"{sandbox.exports()}env"], capture_output=True, text=True, check=True
    ).stdout
    assert "AWS_PROFILE" not in shell
    assert f"KUBECONFIG={sandbox.paths.admin_kubeconfig}\n" in shell
    for name in ("NO_PROXY", "no_proxy"):
        assert found[name] == "intranet.example.com,127.0.0.1,localhost"
        assert f"{name}={found[name]}\n" in shell
