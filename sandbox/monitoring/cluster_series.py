"""What kube-state-metrics and the GPU Operator say of the cluster."""

from collections.abc import Mapping, Set

from sandbox.monitoring.fleet import Fleet
from sandbox.monitoring.series import Sample

_CREATED_S = 1_700_000_000.0
"""Long before any scene: the engines have had their time to start."""


_NODE_CONDITIONS = {
    "Ready": "true",
    **dict.fromkeys(("MemoryPressure", "DiskPressure", "PIDPressure"), "false"),
    **dict.fromkeys(
        (
            "AcceleratedHardwareReady",
            "ContainerRuntimeReady",
            "KernelReady",
            "NetworkingReady",
            "StorageReady",
        ),
        "true",
    ),
}
"""In health; the last five are the EKS node monitoring agent's."""


def kube_samples(
    fleet: Fleet, gpus_left: Mapping[str, int], not_ready_pods: Set[str]
) -> list[Sample]:
    """kube-state-metrics, which keeps the labels of the objects that it tells of."""
    return [*_nodes(fleet, gpus_left), *_pods(fleet, not_ready_pods)]


def _nodes(fleet: Fleet, gpus_left: Mapping[str, int]) -> list[Sample]:
    efa = dict.fromkeys(fleet.nodes, fleet.efa_interfaces)
    gpus = dict.fromkeys(fleet.nodes, fleet.gpus_per_node)
    return [
        *_by_resource("kube_node_status_allocatable", gpus_left, efa),
        *_by_resource("kube_node_status_capacity", gpus, efa),
        *(Sample("kube_node_spec_unschedulable", {"node": node}, 0.0) for node in fleet.nodes),
        *(
            Sample(
                "kube_node_status_condition",
                {"node": node, "condition": condition, "status": status},
                float(status == healthy),
            )
            for node in fleet.nodes
            for condition, healthy in _NODE_CONDITIONS.items()
            for status in ("true", "false", "unknown")
        ),
    ]


def _pods(fleet: Fleet, not_ready_pods: Set[str]) -> list[Sample]:
    pods = {
        engine.pod: {"namespace": fleet.namespace, "pod": engine.pod, "uid": f"uid-{engine.pod}"}
        for engine in fleet.engines
    }
    vllm = {"container": "vllm"}
    gpus = {**vllm, "resource": "nvidia_com_gpu", "unit": "integer"}
    ready = {pod: ("false" if pod in not_ready_pods else "true") for pod in pods}
    return [
        *(
            Sample("kube_pod_info", {**pods[engine.pod], "node": engine.node}, 1.0)
            for engine in fleet.engines
        ),
        *(Sample("kube_pod_created", pod, _CREATED_S) for pod in pods.values()),
        *(
            Sample(name, {**labels, "condition": condition}, float(condition == holds[pod]))
            for name, holds in (
                ("kube_pod_status_ready", ready),
                ("kube_pod_status_scheduled", dict.fromkeys(pods, "true")),
            )
            for pod, labels in pods.items()
            for condition in ("true", "false", "unknown")
        ),
        *(
            Sample("kube_pod_status_phase", {**labels, "phase": phase}, float(phase == "Running"))
            for labels in pods.values()
            for phase in ("Pending", "Running", "Succeeded", "Failed", "Unknown")
        ),
        *(
            Sample(
                "kube_pod_container_resource_requests",
                {**pods[engine.pod], **gpus, "node": engine.node},
                float(fleet.gpus_per_node),
            )
            for engine in fleet.engines
        ),
        *(
            Sample("kube_pod_container_status_restarts_total", {**labels, **vllm}, 0.0, "counter")
            for labels in pods.values()
        ),
    ]


def _by_resource(name: str, gpus: Mapping[str, int], efa: Mapping[str, int]) -> list[Sample]:
    return [
        Sample(name, {"node": node, "resource": resource, "unit": "integer"}, float(count))
        for resource, nodes in (("nvidia_com_gpu", gpus), ("vpc_amazonaws_com_efa", efa))
        for node, count in nodes.items()
    ]


def gpu_operator_samples(nodes: int) -> list[Sample]:
    return [
        Sample("gpu_operator_reconciliation_status", {}, 1.0),
        Sample("gpu_operator_gpu_nodes_total", {}, float(nodes)),
    ]


def node_status_samples(node: str, gpus_left: int) -> list[Sample]:
    """The GPU operator's node status exporter."""
    return [
        Sample("gpu_operator_node_device_plugin_devices_total", {"node": node}, float(gpus_left)),
        Sample("gpu_operator_node_driver_validation", {"node": node}, 1.0),
    ]
