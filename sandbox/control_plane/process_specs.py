"""The processes of a sandbox: etcd, the Kubernetes control plane, KWOK, and the local AWS.

Everything listens on loopback only and asks for a client certificate or a token. The controller
manager, the scheduler and KWOK listen on nothing.
"""

import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from durable.places import PACKAGE_ROOT
from sandbox.control_plane.kube_config import EGRESS_SELECTOR
from sandbox.control_plane.pki import FRONT_PROXY, SERVICE_NETWORK_FIRST, Pki
from sandbox.endpoints import LOOPBACK, Endpoints
from sandbox.paths import SandboxPaths
from sandbox.processes import ProcessSpec
from sandbox.toolchain.ensure import Tools

SERVICE_NETWORK = SERVICE_NETWORK_FIRST.rsplit(".", 1)[0] + ".0/16"
PROBE_SECONDS = 3.0


def process_specs(
    paths: SandboxPaths, endpoints: Endpoints, pki: Pki, tools: Tools
) -> tuple[ProcessSpec, ...]:
    """All processes, each after those that it needs."""
    return (
        _etcd(paths, endpoints, pki, tools),
        _apiserver(paths, endpoints, pki, tools),
        _moto(paths, endpoints),
        _controller_manager(paths, endpoints, pki, tools),
        _scheduler(paths, tools),
        _kwok(paths, tools),
    )


PROCESS_NAMES = (
    "etcd",
    "kube-apiserver",
    "moto",
    "kube-controller-manager",
    "kube-scheduler",
    "kwok",
)


def go_environment() -> dict[str, str]:
    """What a Go program gets."""
    # Nothing of the user's: a proxy, say, would catch requests to loopback.
    return {"PATH": os.defpath, "HOME": "/nonexistent"}


def _etcd(paths: SandboxPaths, endpoints: Endpoints, pki: Pki, tools: Tools) -> ProcessSpec:
    server, ca = pki.pair("etcd-server"), pki.ca.certificate
    peer = f"https://{LOOPBACK}:{endpoints.etcd_peer_port}"
    command = (
        str(tools.etcd),
        "--name=sandbox",
        f"--data-dir={paths.etcd / 'data'}",
        f"--listen-client-urls={endpoints.etcd_url}",
        f"--advertise-client-urls={endpoints.etcd_url}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=sandbox={peer}",
        f"--cert-file={server.certificate}",
        f"--key-file={server.key}",
        f"--trusted-ca-file={ca}",
        "--client-cert-auth",
        f"--peer-cert-file={server.certificate}",
        f"--peer-key-file={server.key}",
        f"--peer-trusted-ca-file={ca}",
        "--peer-client-cert-auth",
        "--auto-compaction-retention=5m",
        "--log-level=warn",
    )

    def ready() -> str | None:
        answer = _get(f"{endpoints.etcd_url}/health", pki, "etcd-client")
        return None if '"health":"true"' in answer else f"health: {answer}"

    return ProcessSpec(
        "etcd",
        command,
        go_environment(),
        paths.logs / "etcd.log",
        ports=("etcd_port", "etcd_peer_port"),
        inputs=(server.certificate, ca),
        ready=lambda: probe(ready),
    )


def _apiserver(paths: SandboxPaths, endpoints: Endpoints, pki: Pki, tools: Tools) -> ProcessSpec:
    serving, etcd = pki.pair("apiserver"), pki.pair("etcd-client")
    front_proxy = pki.pair(FRONT_PROXY)
    webhook = paths.config / "token-review.kubeconfig"
    egress = paths.config / EGRESS_SELECTOR
    command = (
        str(tools.kube_apiserver),
        f"--bind-address={LOOPBACK}",
        f"--secure-port={endpoints.kube_port}",
        # A loopback address cannot be the endpoint of the Service `kubernetes`; nothing asks it.
        "--endpoint-reconciler-type=none",
        f"--etcd-servers={endpoints.etcd_url}",
        f"--etcd-cafile={pki.ca.certificate}",
        f"--etcd-certfile={etcd.certificate}",
        f"--etcd-keyfile={etcd.key}",
        f"--tls-cert-file={serving.certificate}",
        f"--tls-private-key-file={serving.key}",
        f"--client-ca-file={pki.ca.certificate}",
        "--anonymous-auth=false",
        "--authorization-mode=Node,RBAC",
        f"--authentication-token-webhook-config-file={webhook}",
        "--authentication-token-webhook-version=v1",
        # Short: a removed access entry must be felt in the same minute.
        "--authentication-token-webhook-cache-ttl=10s",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki.service_account.certificate}",
        f"--service-account-signing-key-file={pki.service_account.key}",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
        f"--egress-selector-config-file={egress}",
        f"--requestheader-client-ca-file={pki.ca.certificate}",
        f"--requestheader-allowed-names={FRONT_PROXY}",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={front_proxy.certificate}",
        f"--proxy-client-key-file={front_proxy.key}",
        "--allow-privileged=true",
        "--profiling=false",
        "--v=1",
    )

    def ready() -> str | None:
        answer = _get(f"{endpoints.kube_server}/readyz", pki, "admin")
        return None if answer == "ok" else answer

    return ProcessSpec(
        "kube-apiserver",
        command,
        # The root that it trusts where a webhook or an API of an operator names none: these
        # names come with the vendors' charts, which know nothing of this sandbox.
        {**go_environment(), "SSL_CERT_FILE": str(pki.ca.certificate)},
        paths.logs / "kube-apiserver.log",
        after=("etcd",),
        ports=("kube_port",),
        inputs=(serving.certificate, webhook, egress),
        ready=lambda: probe(ready),
    )


def _controller_manager(
    paths: SandboxPaths, endpoints: Endpoints, pki: Pki, tools: Tools
) -> ProcessSpec:
    kubeconfig = paths.config / "controller-manager.kubeconfig"
    command = (
        str(tools.kube_controller_manager),
        f"--kubeconfig={kubeconfig}",
        f"--service-account-private-key-file={pki.service_account.key}",
        f"--root-ca-file={pki.ca.certificate}",
        f"--cluster-signing-cert-file={pki.ca.certificate}",
        f"--cluster-signing-key-file={pki.ca.key}",
        "--use-service-account-credentials",
        # A scaling shows in seconds, not in a quarter of a minute.
        "--horizontal-pod-autoscaler-sync-period=2s",
        "--leader-elect=false",
        "--secure-port=0",
        "--profiling=false",
        "--v=1",
    )

    def ready() -> str | None:
        url = f"{endpoints.kube_server}/api/v1/namespaces/default/serviceaccounts/default"
        return None if json.loads(_get(url, pki, "admin"))["metadata"]["uid"] else "no account"

    return ProcessSpec(
        "kube-controller-manager",
        command,
        go_environment(),
        paths.logs / "kube-controller-manager.log",
        after=("kube-apiserver",),
        inputs=(kubeconfig,),
        ready=lambda: probe(ready),
    )


def _scheduler(paths: SandboxPaths, tools: Tools) -> ProcessSpec:
    kubeconfig = paths.config / "scheduler.kubeconfig"
    command = (
        str(tools.kube_scheduler),
        f"--kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
        "--profiling=false",
        "--v=1",
    )
    return ProcessSpec(
        "kube-scheduler",
        command,
        go_environment(),
        paths.logs / "kube-scheduler.log",
        after=("kube-apiserver",),
        inputs=(kubeconfig,),
    )


def _kwok(paths: SandboxPaths, tools: Tools) -> ProcessSpec:
    kubeconfig = paths.config / "kwok.kubeconfig"
    stages = tuple(sorted(tools.kwok_stages_folder.glob("*.yaml")))
    command = (
        str(tools.kwok),
        f"--kubeconfig={kubeconfig}",
        "--manage-all-nodes=true",
        f"--node-ip={LOOPBACK}",
        "--cidr=10.0.0.1/16",
        "--node-lease-duration-seconds=40",
        *(f"--config={stage}" for stage in stages),
    )
    return ProcessSpec(
        "kwok",
        command,
        # KWOK looks for a configuration of the user's there.
        {**go_environment(), "KWOK_WORKDIR": str(paths.config / "kwok")},
        paths.logs / "kwok.log",
        after=("kube-apiserver",),
        inputs=(kubeconfig, *stages),
    )


def _moto(paths: SandboxPaths, endpoints: Endpoints) -> ProcessSpec:
    def ready() -> str | None:
        try:
            _fetch(endpoints.moto_url, None)
        except urllib.error.HTTPError as error:
            # It refuses whoever has no key, and does so only once its journal is replayed.
            return None if error.code == 403 else f"status {error.code}"
        return "it answers without a key"

    return ProcessSpec(
        "moto",
        (sys.executable, "-m", "sandbox.aws_server.server", str(paths.root)),
        python_environment(paths),
        paths.logs / "moto.log",
        ports=("moto_port", "token_review_port"),
        inputs=(paths.pki / "token-review-server.crt", paths.pki / "ca.crt"),
        settings=(
            str(endpoints.moto_port),
            str(endpoints.token_review_port),
            endpoints.access_key,
        ),
        ready=lambda: probe(ready),
        ready_seconds=120.0,
    )


def python_environment(paths: SandboxPaths) -> dict[str, str]:
    """Nothing of the user's AWS settings: moto's own clients must not reach a real account."""
    return {
        "PATH": os.defpath,
        "HOME": str(paths.state),
        "PYTHONPATH": str(PACKAGE_ROOT),
        # The order of sets must be the same in the replay.
        "PYTHONHASHSEED": "0",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": "moto",
        "AWS_SECRET_ACCESS_KEY": "moto",
        # Nodes and cluster attach AWS' own policies, which moto has but leaves out by default.
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    }


def probe(ready: Callable[[], str | None]) -> str | None:
    """Every way in which a server is not there yet, in words."""
    try:
        return ready()
    except (OSError, ValueError, KeyError) as error:
        return str(error)


def _get(url: str, pki: Pki, client: str) -> str:
    context = ssl.create_default_context(cafile=str(pki.ca.certificate))
    pair = pki.pair(client)
    context.load_cert_chain(pair.certificate, pair.key)
    return _fetch(url, context)


def _fetch(url: str, context: ssl.SSLContext | None) -> str:
    handlers: list[Any] = [urllib.request.ProxyHandler({})]
    if context is not None:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    with urllib.request.build_opener(*handlers).open(url, timeout=PROBE_SECONDS) as answer:
        return str(answer.read().decode())
