"""NVIDIA GPU Operator and the EFA device plugin: what makes a node's hardware schedulable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes import apiextensions, core, helm, meta

from catalog import charts, gpu_nodes
from components.child_options import child_options
from components.helm_release import release
from components.monitoring import RELEASE_LABEL, dcgm_collectors
from stacks.settings.charts import ChartSettings

NAMESPACE = "gpu-operator"
_COLLECTORS = "dcgm-collectors"


@dataclass(frozen=True, slots=True)
class GpuOperatorArgs:
    """`tolerations` are what the GPU nodes ask for; without `efa` no EFA plugin is installed."""

    charts: ChartSettings
    tolerations: Sequence[Mapping[str, str]]
    efa: bool


class GpuOperator(pulumi.ComponentResource):
    """Outputs: the releases, on which a workload with GPUs depends."""

    release: helm.v3.Release
    efa_release: helm.v3.Release | None = None

    def __init__(
        self, name: str, args: GpuOperatorArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("moe-serving:index:GpuOperator", name, None, opts)
        child = child_options(self, opts)
        namespace = core.v1.Namespace(
            f"{name}-namespace",
            metadata=meta.v1.ObjectMetaArgs(
                name=NAMESPACE,
                # Device plugin and DCGM open the host's devices.
                labels={"pod-security.kubernetes.io/enforce": "privileged"},
            ),
            opts=child,
        )
        collectors = core.v1.ConfigMap(
            f"{name}-{_COLLECTORS}",
            metadata=meta.v1.ObjectMetaArgs(name=_COLLECTORS, namespace=namespace.metadata.name),
            data={"dcgm-metrics.csv": dcgm_collectors()},
            opts=child,
        )
        self.release = release(
            name,
            charts.GPU_OPERATOR,
            version=args.charts.gpu_operator,
            namespace=namespace.metadata.name,
            values=values(args.tolerations, args.charts.image_registry),
            opts=child_options(self, opts, collectors),
        )
        for service, port in _METRICS_PORTS.items():
            service_monitor(f"{name}-{port}", service, port, child_options(self, opts, namespace))
        if args.efa:
            self.efa_release = release(
                f"{name}-efa",
                charts.EFA_DEVICE_PLUGIN,
                version=args.charts.aws_efa_k8s_device_plugin,
                namespace="kube-system",
                values=efa_values(args.tolerations, args.charts.image_registry),
                opts=child,
            )
        self.register_outputs({"release": self.release.name})


_METRICS_PORTS = {
    "gpu-operator": "gpu-operator-metrics",
    "nvidia-node-status-exporter": "node-status",
}
"""Services of the operator with metrics of its own, and the names of their ports
(gpu-operator, assets/state-operator-metrics and assets/state-node-status-exporter)."""


def service_monitor(
    name: str, service: str, port: str, opts: pulumi.ResourceOptions
) -> apiextensions.CustomResource:
    """The operator makes one for each of them itself, without the label by which Prometheus
    selects, and has no value for it: they would be scraped by nobody."""
    return apiextensions.CustomResource(
        name,
        api_version="monitoring.coreos.com/v1",
        kind="ServiceMonitor",
        metadata=meta.v1.ObjectMetaArgs(name=name, namespace=NAMESPACE, labels=dict(RELEASE_LABEL)),
        spec={
            "selector": {"matchLabels": {"app": service}},
            "endpoints": [{"port": port, "path": "/metrics", "interval": "30s"}],
        },
        opts=opts,
    )


_OPERANDS = ("devicePlugin", "gfd", "dcgmExporter", "nodeStatusExporter", "validator", "operator")
"""Parts of the operator that run here, each with an image of its own."""


def values(tolerations: Sequence[Mapping[str, str]], image_registry: str | None) -> dict[str, Any]:
    """Values of the GPU Operator for the AL2023 NVIDIA AMI.

    That AMI brings driver and container toolkit: the operator's own driver does
    not install on Amazon Linux, and its toolkit breaks containerd there
    (docs of EKS, "ml-eks-optimized-ami"; gpu-operator#686). It does not bring
    the device plugin, so that stays on.
    """
    tolerated = [dict(each) for each in tolerations]
    chosen: dict[str, Any] = {
        "driver": {"enabled": False},
        "toolkit": {"enabled": False},
        "devicePlugin": {"enabled": True},
        "gfd": {"enabled": True},
        # Whole GPUs are served: no MIG.
        "migManager": {"enabled": False},
        "dcgmExporter": {
            "enabled": True,
            "config": {"name": _COLLECTORS},
            "serviceMonitor": {"enabled": True, "additionalLabels": dict(RELEASE_LABEL)},
        },
        "nodeStatusExporter": {"enabled": True},
        "daemonsets": {"tolerations": tolerated},
        "node-feature-discovery": {"worker": {"tolerations": tolerated}},
    }
    if image_registry is not None:
        for operand in _OPERANDS:
            chosen.setdefault(operand, {})["repository"] = f"{image_registry}/nvidia"
        chosen["node-feature-discovery"]["image"] = {
            "repository": f"{image_registry}/nfd/node-feature-discovery"
        }
    return chosen


def efa_values(
    tolerations: Sequence[Mapping[str, str]], image_registry: str | None
) -> dict[str, Any]:
    """Values of the EFA device plugin: by default it tolerates no taint at all."""
    chosen: dict[str, Any] = {
        "tolerations": [dict(each) for each in tolerations],
        "nodeSelector": dict(gpu_nodes.NODE_SELECTOR),
    }
    if image_registry is not None:
        chosen["image"] = {"repository": f"{image_registry}/eks/aws-efa-k8s-device-plugin"}
    return chosen
