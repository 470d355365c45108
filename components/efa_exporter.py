"""The exporter of EFA's counters on every EFA node, and how Prometheus finds it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

import pulumi
from pulumi_kubernetes import apiextensions, apps, core, meta, networking

from catalog import gpu_nodes
from components.child_options import child_options
from components.engine_pod import MANAGED, locked_down, toleration
from components.monitoring import NAMESPACE, RELEASE_LABEL

PORT = 9810
_NAME = "efa-exporter"
_LABELS = {"app.kubernetes.io/name": _NAME, "app.kubernetes.io/part-of": "moe-serving"}

_HOST = "/host"
_DEVICES = "/sys/class/infiniband"
_FOLDERS = {"rdma": _DEVICES, "devices": "/sys/devices"}
"""Of the node, read only: the first has links into the second. In a container's own /sys the
kernel shows the devices, but their counters to the host's network namespace alone
(drivers/infiniband/core/sysfs.c, `is_full_dev`; soperator#403)."""


@dataclass(frozen=True, slots=True)
class EfaExporterArgs:
    """`image` is the engine's: it has Python, and is on these nodes anyway; `tolerations` are
    what the GPU nodes ask for."""

    image: str
    tolerations: Sequence[Mapping[str, str]]


class EfaExporter(pulumi.ComponentResource):
    """A DaemonSet in the namespace of the monitoring: that of the engines allows no hostPath."""

    def __init__(
        self, name: str, args: EfaExporterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("moe-serving:index:EfaExporter", name, None, opts)
        child = child_options(self, opts)
        apps.v1.DaemonSet(
            name,
            metadata=_metadata(),
            spec=apps.v1.DaemonSetSpecArgs(
                selector=meta.v1.LabelSelectorArgs(match_labels=_LABELS),
                template=core.v1.PodTemplateSpecArgs(
                    metadata=meta.v1.ObjectMetaArgs(labels=_LABELS), spec=_pod(args)
                ),
            ),
            # On a new node the engine's image is pulled first.
            opts=pulumi.ResourceOptions.merge(
                child,
                pulumi.ResourceOptions(
                    custom_timeouts=pulumi.CustomTimeouts(create="45m", update="45m")
                ),
            ),
        )
        _network_policy(name, child)
        _pod_monitor(name, child)
        self.register_outputs({})


def _metadata(labels: Mapping[str, str] | None = None) -> meta.v1.ObjectMetaArgs:
    return meta.v1.ObjectMetaArgs(
        name=_NAME, namespace=NAMESPACE, labels={**_LABELS, **MANAGED, **(labels or {})}
    )


def _pod(args: EfaExporterArgs) -> core.v1.PodSpecArgs:
    program = (resources.files("efa_exporter") / "exporter.py").read_text()
    little = {"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "16Mi"}
    container = core.v1.ContainerArgs(
        name=_NAME,
        image=args.image,
        # Isolated, without site: of the image only the interpreter and its library.
        command=["python3", "-I", "-S", "-c", program, f"{_HOST}{_DEVICES}", str(PORT)],
        # The engine's image asks the NVIDIA runtime for all GPUs.
        env=[core.v1.EnvVarArgs(name="NVIDIA_VISIBLE_DEVICES", value="void")],
        ports=[core.v1.ContainerPortArgs(name="metrics", container_port=PORT)],
        readiness_probe=core.v1.ProbeArgs(
            http_get=core.v1.HTTPGetActionArgs(path="/metrics", port="metrics"), period_seconds=30
        ),
        resources=core.v1.ResourceRequirementsArgs(requests=little, limits=little),
        security_context=locked_down(),
        volume_mounts=[
            core.v1.VolumeMountArgs(name=name, mount_path=f"{_HOST}{folder}", read_only=True)
            for name, folder in _FOLDERS.items()
        ],
    )
    return core.v1.PodSpecArgs(
        automount_service_account_token=False,
        enable_service_links=False,
        node_selector=gpu_nodes.node_labels(efa=True),
        tolerations=[toleration(each) for each in args.tolerations],
        security_context=core.v1.PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=65534,
            run_as_group=65534,
            seccomp_profile=core.v1.SeccompProfileArgs(type="RuntimeDefault"),
        ),
        containers=[container],
        volumes=[
            core.v1.VolumeArgs(
                name=name,
                host_path=core.v1.HostPathVolumeSourceArgs(path=folder, type="Directory"),
            )
            for name, folder in _FOLDERS.items()
        ],
    )


def _network_policy(name: str, opts: pulumi.ResourceOptions) -> None:
    """Scrapes from this namespace; out: nothing."""
    scrapers = networking.v1.NetworkPolicyPeerArgs(pod_selector=meta.v1.LabelSelectorArgs())
    networking.v1.NetworkPolicy(
        name,
        metadata=_metadata(),
        spec=networking.v1.NetworkPolicySpecArgs(
            pod_selector=meta.v1.LabelSelectorArgs(match_labels=_LABELS),
            policy_types=["Ingress", "Egress"],
            ingress=[
                networking.v1.NetworkPolicyIngressRuleArgs(
                    from_=[scrapers],
                    ports=[networking.v1.NetworkPolicyPortArgs(port=PORT, protocol="TCP")],
                )
            ],
        ),
        opts=opts,
    )


def _pod_monitor(name: str, opts: pulumi.ResourceOptions) -> None:
    """The node's name becomes a label: alerts match it with that of kube-state-metrics."""
    node = {"sourceLabels": ["__meta_kubernetes_pod_node_name"], "targetLabel": "node"}
    endpoint = {"port": "metrics", "path": "/metrics", "interval": "15s", "relabelings": [node]}
    apiextensions.CustomResource(
        name,
        api_version="monitoring.coreos.com/v1",
        kind="PodMonitor",
        metadata=_metadata(RELEASE_LABEL),
        spec={"selector": {"matchLabels": _LABELS}, "podMetricsEndpoints": [endpoint]},
        opts=opts,
    )
