"""What runs in the sandbox, asked of the cluster itself and not of what was wanted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from catalog import gpu_nodes
from catalog.memory_fit import MemoryFit
from components import gpu_operator, keda, leader_worker_set_operator, monitoring
from sandbox.control_plane.kube_api import KubeApi
from stacks.settings import Settings
from stacks.settings.model_server import NAMESPACE

_APPS = "/apis/apps/v1/namespaces"
_OPERATORS = (
    gpu_operator.NAMESPACE,
    monitoring.NAMESPACE,
    leader_worker_set_operator.NAMESPACE,
    keda.NAMESPACE,
    "kube-system",
)
_GROUPS = "/apis/leaderworkerset.x-k8s.io/v1/namespaces"


@dataclass(frozen=True)
class GpuNode:
    name: str
    node_group: str
    instance_type: str
    zone: str
    ready: bool
    gpus: int
    efa_interfaces: int


@dataclass(frozen=True)
class Workload:
    namespace: str
    kind: str
    name: str
    ready: int
    desired: int


@dataclass(frozen=True)
class ServedModel:
    """`memory_fit` is that of the stack file, the rest is what the cluster has.

    `ready` and `desired` count engines; `gpus` and `memory` are of one pod, of which an engine
    has `pods`.
    """

    name: str
    model: str
    image: str
    ready: int
    desired: int
    gpus: int
    memory: str
    pods: int
    memory_fit: MemoryFit


@dataclass(frozen=True)
class AlertRule:
    """The alerts of one group of a PrometheusRule."""

    namespace: str
    name: str
    group: str
    alerts: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    gpu_nodes: tuple[GpuNode, ...] = ()
    operators: tuple[Workload, ...] = ()
    models: tuple[ServedModel, ...] = ()
    rules: tuple[AlertRule, ...] = ()


def summarize(kube: KubeApi, settings: Settings) -> Summary:
    """Read the cluster; OSError where it does not answer."""
    operators = [
        workload
        for namespace in _OPERATORS
        for kind in ("deployments", "daemonsets")
        for workload in map(_workload, kube.items(f"{_APPS}/{namespace}/{kind}"))
    ]
    models = [
        *kube.items(f"{_APPS}/{NAMESPACE}/deployments"),
        *kube.items(f"{_GROUPS}/{NAMESPACE}/leaderworkersets"),
    ]
    rules = kube.items("/apis/monitoring.coreos.com/v1/prometheusrules")
    nodes = [
        node for node in kube.items("/api/v1/nodes") if _quantity(node, gpu_nodes.GPU_RESOURCE)
    ]
    return Summary(
        gpu_nodes=tuple(_gpu_node(node) for node in nodes),
        operators=tuple(operators),
        models=tuple(_served_model(item, settings.memory_fit()) for item in models),
        rules=tuple(rule for item in rules for rule in _rules(item)),
    )


def _gpu_node(node: Mapping[str, Any]) -> GpuNode:
    labels = node["metadata"]["labels"]
    conditions = node["status"].get("conditions", [])
    return GpuNode(
        name=node["metadata"]["name"],
        node_group=labels.get("eks.amazonaws.com/nodegroup", ""),
        instance_type=labels.get("node.kubernetes.io/instance-type", ""),
        zone=labels.get("topology.kubernetes.io/zone", ""),
        ready=any(c["type"] == "Ready" and c["status"] == "True" for c in conditions),
        gpus=_quantity(node, gpu_nodes.GPU_RESOURCE),
        efa_interfaces=_quantity(node, gpu_nodes.EFA_RESOURCE),
    )


def _quantity(node: Mapping[str, Any], resource: str) -> int:
    return int(node["status"].get("allocatable", {}).get(resource, 0))


def _workload(item: Mapping[str, Any]) -> Workload:
    status = item.get("status", {})
    daemonset = "desiredNumberScheduled" in status
    return Workload(
        namespace=item["metadata"]["namespace"],
        kind="DaemonSet" if daemonset else "Deployment",
        name=item["metadata"]["name"],
        ready=status.get("numberReady" if daemonset else "readyReplicas", 0),
        desired=status["desiredNumberScheduled"] if daemonset else item["spec"]["replicas"],
    )


def _served_model(item: Mapping[str, Any], memory_fit: MemoryFit) -> ServedModel:
    group = item["spec"].get("leaderWorkerTemplate", {})
    template = group.get("leaderTemplate") or item["spec"]["template"]
    (container,) = template["spec"]["containers"]
    limits = container["resources"]["limits"]
    return ServedModel(
        name=item["metadata"]["name"],
        model=container["args"][0],
        image=container["image"],
        ready=item.get("status", {}).get("readyReplicas", 0),
        desired=item["spec"]["replicas"],
        gpus=int(limits[gpu_nodes.GPU_RESOURCE]),
        memory=limits["memory"],
        pods=group.get("size", 1),
        memory_fit=memory_fit,
    )


def _rules(item: Mapping[str, Any]) -> Iterator[AlertRule]:
    for group in item["spec"]["groups"]:
        yield AlertRule(
            namespace=item["metadata"]["namespace"],
            name=item["metadata"]["name"],
            group=group["name"],
            alerts=tuple(rule["alert"] for rule in group["rules"] if "alert" in rule),
        )
