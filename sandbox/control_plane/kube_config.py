"""Configuration files of the control plane, written as JSON, which is YAML."""

import base64
import json
from pathlib import Path
from typing import Any

from durable.files import write_private
from sandbox.control_plane.pki import KeyPair, Pki
from sandbox.endpoints import LOOPBACK, Endpoints
from sandbox.paths import SandboxPaths

EGRESS_SELECTOR = "egress-selector.json"
LWS_CONFIGURATION = "lws-controller-manager.json"


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
    for name in ("controller-manager", "scheduler", "kwok", "lws-controller-manager", "keda"):
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
    write_private(paths.config / EGRESS_SELECTOR, _json(_egress_selector(endpoints, pki)))
    for name in ("lws", "keda"):
        _write_serving_certificates(paths.config / f"{name}-serving", pki, f"{name}-server")
    write_private(paths.config / LWS_CONFIGURATION, _json(_lws_configuration(paths, endpoints)))


def _egress_selector(endpoints: Endpoints, pki: Pki) -> dict[str, Any]:
    """What the API server sends to Services goes through the service proxy."""
    client = pki.pair("service-proxy-client")
    transport = {
        "url": endpoints.service_proxy_url,
        "tlsConfig": {
            "caBundle": str(pki.ca.certificate),
            "clientCert": str(client.certificate),
            "clientKey": str(client.key),
        },
    }
    connection = {"proxyProtocol": "HTTPConnect", "transport": {"tcp": transport}}
    return {
        "apiVersion": "apiserver.k8s.io/v1beta1",
        "kind": "EgressSelectorConfiguration",
        "egressSelections": [{"name": "cluster", "connection": connection}],
    }


def _lws_configuration(paths: SandboxPaths, endpoints: Endpoints) -> dict[str, Any]:
    return {
        "apiVersion": "config.lws.x-k8s.io/v1alpha1",
        "kind": "Configuration",
        "webhook": {
            "host": LOOPBACK,
            "port": endpoints.lws_webhook_port,
            "certDir": str(paths.config / "lws-serving"),
        },
        "internalCertManagement": {"enable": False},
        "leaderElection": {"leaderElect": False},
        "metrics": {"bindAddress": "0"},
        "health": {"healthProbeBindAddress": "0"},
    }


def _write_serving_certificates(folder: Path, pki: Pki, name: str) -> None:
    """Under the names that a Secret of type `kubernetes.io/tls` would have, mounted."""
    pair = pki.pair(name)
    write_private(folder / "tls.crt", pair.certificate.read_bytes())
    write_private(folder / "tls.key", pair.key.read_bytes())
    write_private(folder / "ca.crt", pki.ca.certificate.read_bytes())


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2) + "\n"
