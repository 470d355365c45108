"""What a killed `pulumi` leaves behind, taken away before the next one: locks, and half creations.

An interrupt leaves nothing: `pulumi` then ends what it has begun. A kill leaves operations that the
state calls pending, of which it would warn for ever. Forgetting them is safe here, since the next
`up` takes what is there already: the stand-in for AWS notes what it made for whom, and Kubernetes
applies. Helm alone would refuse the name, so its record goes; the objects stay and are taken over.
"""

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil

from sandbox.control_plane.kube_api import KubeApi

_HELM_RELEASE = "kubernetes:helm.sh/v3:Release"


@dataclass(frozen=True)
class LockHolder:
    """The process that a lock file of Pulumi's names."""

    pid: int
    user: str
    host: str
    since: str

    @property
    def alive(self) -> bool:
        """A lock of another machine counts as alive: only that machine can tell."""
        if self.host != socket.gethostname():
            return True
        try:
            return "pulumi" in psutil.Process(self.pid).name()
        except psutil.NoSuchProcess:
            return False

    def __str__(self) -> str:
        return f"process {self.pid} of {self.user} on {self.host}, since {self.since}"


def release_dead_locks(folder: Path) -> LockHolder | None:
    """Remove locks whose process is gone; a holder that lives is returned and keeps its lock."""
    for lock in sorted(folder.glob("*.json")):
        holder = _read_lock(lock)
        if holder is not None and holder.alive:
            return holder
        lock.unlink(missing_ok=True)
    return None


def forget_pending(deployment: dict[str, Any], kube: KubeApi) -> bool:
    """Drop a state's pending operations, and Helm's records of them; whether there were any."""
    pending: list[dict[str, Any]] = deployment.pop("pending_operations", None) or []
    for operation in pending:
        if operation["resource"]["type"] == _HELM_RELEASE:
            _forget_release(kube, operation["resource"]["inputs"], operation["type"] == "creating")
    return bool(pending)


def _forget_release(kube: KubeApi, inputs: Mapping[str, Any], unrecorded: bool) -> None:
    """Remove what says that Helm is at work; of a release not in the state, all its records."""
    labels = f"owner=helm,name={inputs['name']}"
    if not unrecorded:
        labels += ",status in (pending-upgrade,pending-rollback)"
    query = urlencode({"labelSelector": labels})
    kube.request("DELETE", f"/api/v1/namespaces/{inputs['namespace']}/secrets?{query}")


def _read_lock(path: Path) -> LockHolder | None:
    try:
        content = json.loads(path.read_text())
        return LockHolder(
            int(content["pid"]), content["username"], content["hostname"], content["timestamp"]
        )
    except (OSError, ValueError, KeyError):
        return None
