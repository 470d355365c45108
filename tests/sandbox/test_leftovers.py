"""What is taken away of a `pulumi` that was killed, and what is not."""

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import psutil
import pytest

from sandbox.control_plane.kube_api import KubeApi
from sandbox.leftovers import forget_pending, release_dead_locks


class Asked(KubeApi):
    """Keeps what it is asked for."""

    def __init__(self) -> None:
        self.requests: list[str] = []

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        self.requests.append(f"{method} {unquote_plus(path)}")
        return {}


def operation(kind: str, resource_type: str = "kubernetes:helm.sh/v3:Release") -> dict[str, Any]:
    inputs = {"name": "operator", "namespace": "gpu"}
    return {"type": kind, "resource": {"type": resource_type, "inputs": inputs}}


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        ("creating", "owner=helm,name=operator"),
        ("updating", "owner=helm,name=operator,status in (pending-upgrade,pending-rollback)"),
    ],
)
def test_a_release_loses_the_records_that_would_refuse_it(kind: str, labels: str) -> None:
    kube, deployment = Asked(), {"pending_operations": [operation(kind)], "resources": []}
    assert forget_pending(deployment, kube)
    assert deployment == {"resources": []}
    assert kube.requests == [f"DELETE /api/v1/namespaces/gpu/secrets?labelSelector={labels}"]


def test_other_resources_are_left_to_the_next_up() -> None:
    kube = Asked()
    assert forget_pending({"pending_operations": [operation("creating", "aws:ec2/vpc:Vpc")]}, kube)
    assert not forget_pending({"resources": []}, kube)
    assert kube.requests == []


def test_only_a_lock_of_nobody_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil.Process, "name", lambda _: "pulumi")
    lock = tmp_path / "lock.json"
    content = {"username": "me", "timestamp": "now", "hostname": socket.gethostname()}
    lock.write_text(json.dumps({**content, "pid": 2**22 + 1}))
    assert release_dead_locks(tmp_path) is None
    assert not lock.exists()
    lock.write_text(json.dumps({**content, "pid": os.getpid()}))
    holder = release_dead_locks(tmp_path)
    assert holder is not None
    assert holder.pid == os.getpid()
    assert lock.exists()
