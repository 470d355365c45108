"""The operators that Helm charts install, run beside the control plane, and the way to them.

Their pods are KWOK's and do nothing; the processes here do the work, with the rights that the
chart gives to their service accounts.
"""

import socket
import sys

from durable.places import PACKAGE_ROOT
from sandbox.control_plane.kube_config import LWS_CONFIGURATION
from sandbox.control_plane.pki import Pki
from sandbox.control_plane.process_specs import (
    PROBE_SECONDS,
    go_environment,
    probe,
    python_environment,
)
from sandbox.endpoints import LOOPBACK, Endpoints
from sandbox.paths import SandboxPaths
from sandbox.processes import ProcessSpec
from sandbox.toolchain.ensure import KedaTools, Tools

OPERATOR_NAMES = ("service-proxy", "lws-controller-manager")
KEDA_NAMES = ("keda-operator", "keda-adapter")
"""Run only where KEDA is asked for."""

_KEDA_ENVIRONMENT = {
    "POD_NAMESPACE": "keda",
    "KEDA_CLUSTER_OBJECT_NAMESPACE": "keda",
    "WATCH_NAMESPACE": "",
}


def operator_specs(
    paths: SandboxPaths, endpoints: Endpoints, pki: Pki, tools: Tools
) -> tuple[ProcessSpec, ...]:
    """All of them; KEDA's where it is built."""
    specs = (
        _service_proxy(paths, endpoints, pki),
        _lws_controller_manager(paths, endpoints, tools),
    )
    if tools.keda is None:
        return specs
    return (
        *specs,
        _keda_operator(paths, endpoints, tools.keda),
        _keda_adapter(paths, endpoints, tools.keda),
    )


def _service_proxy(paths: SandboxPaths, endpoints: Endpoints, pki: Pki) -> ProcessSpec:
    def ready() -> str | None:
        with socket.create_connection((LOOPBACK, endpoints.service_proxy_port), PROBE_SECONDS):
            return None

    return ProcessSpec(
        "service-proxy",
        (sys.executable, "-m", "sandbox.control_plane.service_proxy", str(paths.root)),
        python_environment(paths),
        paths.logs / "service-proxy.log",
        ports=("service_proxy_port",),
        inputs=(pki.pair("service-proxy-server").certificate, pki.ca.certificate),
        settings=(str(endpoints.service_proxy_port), repr(endpoints.service_ports)),
        ready=lambda: probe(ready),
    )


def _lws_controller_manager(paths: SandboxPaths, endpoints: Endpoints, tools: Tools) -> ProcessSpec:
    kubeconfig = paths.config / "lws-controller-manager.kubeconfig"
    configuration = paths.config / LWS_CONFIGURATION
    return _operator(
        paths,
        "lws-controller-manager",
        "lws-system/lws-controller-manager",
        (
            str(tools.lws_controller_manager),
            f"--config={configuration}",
            f"--kubeconfig={kubeconfig}",
        ),
        inputs=("lws-serving/tls.crt", configuration.name, kubeconfig.name),
    )


def _keda_operator(paths: SandboxPaths, endpoints: Endpoints, keda: KedaTools) -> ProcessSpec:
    return _operator(
        paths,
        "keda-operator",
        "keda/keda-operator",
        (
            str(keda.operator),
            f"--kubeconfig={paths.config / 'keda.kubeconfig'}",
            f"--metrics-service-bind-address={LOOPBACK}:{endpoints.keda_metrics_service_port}",
            f"--cert-dir={paths.config / 'keda-serving'}",
            "--metrics-bind-address=0",
            "--health-probe-bind-address=0",
        ),
        inputs=("keda-serving/tls.crt", "keda.kubeconfig"),
        # Nothing here resolves the name of Prometheus' Service; Go's own client takes a proxy for
        # plain HTTP to any address but loopback, and Prometheus answers what it is sent as one.
        environment={**_KEDA_ENVIRONMENT, "HTTP_PROXY": endpoints.prometheus_url},
    )


def _keda_adapter(paths: SandboxPaths, endpoints: Endpoints, keda: KedaTools) -> ProcessSpec:
    kubeconfig = paths.config / "keda.kubeconfig"
    serving = paths.config / "keda-serving"
    return _operator(
        paths,
        "keda-adapter",
        "keda/keda-operator-metrics-apiserver",
        (
            str(keda.adapter),
            f"--kubeconfig={kubeconfig}",
            f"--lister-kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={endpoints.keda_adapter_port}",
            f"--cert-dir={serving}",
            f"--client-ca-file={serving / 'ca.crt'}",
            f"--tls-cert-file={serving / 'tls.crt'}",
            f"--tls-private-key-file={serving / 'tls.key'}",
            f"--metrics-service-address={LOOPBACK}:{endpoints.keda_metrics_service_port}",
            # Of the process' own metrics: any.
            "--port=0",
        ),
        inputs=("keda-serving/tls.crt", kubeconfig.name),
        environment=_KEDA_ENVIRONMENT,
    )


def _operator(
    paths: SandboxPaths,
    name: str,
    deployment: str,
    command: tuple[str, ...],
    *,
    inputs: tuple[str, ...],
    environment: dict[str, str] | None = None,
) -> ProcessSpec:
    """It waits for its Deployment; `inputs` are files in the sandbox's folder `config`."""
    waiting = (sys.executable, "-m", "sandbox.control_plane.when_deployed")
    return ProcessSpec(
        name,
        (*waiting, str(paths.admin_kubeconfig), deployment, *command),
        {**go_environment(), "PYTHONPATH": str(PACKAGE_ROOT), **(environment or {})},
        paths.logs / f"{name}.log",
        after=("kube-apiserver",),
        inputs=tuple(paths.config / file for file in inputs),
    )
