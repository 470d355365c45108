"""NVIDIA GPU Operator and the EFA device plugin: what makes a node's hardware schedulable."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import core, helm, meta

from catalog import charts, gpu_nodes
from components.helm_release import release
from components.monitoring import RELEASE_LABEL, dcgm_collectors
from stacks.settings import ChartSettings

NAMESPACE = "gpu-operator"
_COLLECTORS = "dcgm-collectors"


@dataclass(frozen=True, slots=True)
class GpuOperatorArgs:
    charts: ChartSettings


class GpuOperator(pulumi.ComponentResource):
    """Outputs: the two releases, on which a workload with GPUs depends."""

    release: helm.v3.Release
    efa_release: helm.v3.Release

    def __init__(
        self, name: str, args: GpuOperatorArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("moe-serving:index:GpuOperator", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
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
            values=values(),
            parent=self,
            depends_on=[collectors],
        )
        self.efa_release = release(
            f"{name}-efa",
            charts.EFA_DEVICE_PLUGIN,
            version=args.charts.aws_efa_k8s_device_plugin,
            namespace="kube-system",
            values=efa_values(),
            parent=self,
        )
        self.register_outputs({"release": self.release.name, "efa_release": self.efa_release.name})


def values() -> dict[str, object]:
    """Values of the GPU Operator for the AL2023 NVIDIA AMI.

    That AMI brings driver and container toolkit: the operator's own driver does
    not install on Amazon Linux, and its toolkit breaks containerd there
    (docs of EKS, "ml-eks-optimized-ami"; gpu-operator#686). It does not bring
    the device plugin, so that stays on.
    """
    toleration = dict(gpu_nodes.TOLERATION)
    return {
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
        "daemonsets": {"tolerations": [toleration]},
        "node-feature-discovery": {"worker": {"tolerations": [toleration]}},
    }


def efa_values() -> dict[str, object]:
    """Values of the EFA device plugin: by default it tolerates no taint at all."""
    return {
        "tolerations": [dict(gpu_nodes.TOLERATION)],
        "nodeSelector": dict(gpu_nodes.NODE_SELECTOR),
    }
