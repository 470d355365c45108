"""Configuration files of the control plane, written as JSON, which is YAML."""

import base64
import json
from pathlib import Path
from typing import Any

from sandbox.control_plane.pki import KeyPair, Pki
from sandbox.endpoints import Endpoints
from sandbox.paths import SandboxPaths, write_private


def write_kubeconfig(path: Path, server: str, authority: KeyPair, client: KeyPair) -> Path:
    """A kubeconfig with certificates in it, so that it can be copied."""
    write_private(
        path,
        _json(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [
                    {
                        "name": "sandbox",
                        "cluster": {
                            "server": server,
                            "certificate-authority-data": _base64(authority.certificate),
                        },
                    }
                ],
                "users": [
                    {
                        "name": "sandbox",
                        "user": {
                            "client-certificate-data": _base64(client.certificate),
                            "client-key-data": _base64(client.key),
                        },
                    }
                ],
                "contexts": [
                    {"name": "sandbox", "context": {"cluster": "sandbox", "user": "sandbox"}}
                ],
                "current-context": "sandbox",
            }
        ),
    )
    return path


def write_configuration(paths: SandboxPaths, endpoints: Endpoints, pki: Pki) -> None:
    """All files that the processes read at start; the same input gives the same bytes."""
    for name in ("controller-manager", "scheduler", "kwok"):
        write_kubeconfig(
            paths.config / f"{name}.kubeconfig", endpoints.kube_server, pki.ca, pki.pair(name)
        )
    write_kubeconfig(paths.admin_kubeconfig, endpoints.kube_server, pki.ca, pki.pair("admin"))
    write_kubeconfig(
        paths.config / "token-review.kubeconfig",
        endpoints.token_review_url,
        pki.ca,
        pki.pair("token-review-client"),
    )


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2) + "\n"
