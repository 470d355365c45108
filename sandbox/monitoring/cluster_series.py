"""What kube-state-metrics and the GPU Operator say of the cluster."""

from collections.abc import Mapping, Set

from sandbox.monitoring.fleet import Fleet
from sandbox.monitoring.series import Sample

_CREATED_S = 1_700_000_000.0
"""Long before any scene: the engines have had their time to start."""


def kube_samples(
    fleet: Fleet, gpus_left: Mapping[str, int], not_ready_pods: Set[str]
) -> list[Sample]:
    """kube-state-metrics, which keeps the labels of the objects that it tells of."""
    pods = [
        {"namespace": fleet.namespace, "pod": engine.pod, "uid": f"uid-{engine.pod}"}
        for engine in fleet.engines
    ]
    resources = {
        "nvidia_com_gpu": gpus_left,
        "vpc_amazonaws_com_efa": dict.fromkeys(fleet.nodes, fleet.efa_interfaces),
    }
    capacity = {**resources, "nvidia_com_gpu": dict.fromkeys(fleet.nodes, fleet.gpus_per_node)}
    return [
        *_by_resource("kube_node_status_allocatable", resources),
        *_by_resource("kube_node_status_capacity", capacity),
        *(
            Sample(
                "kube_node_status_condition",
                {"node": node, "condition": condition, "status": status},
                float((status == "true") == (condition == "Ready")),
            )
            for node in fleet.nodes
            for condition in ("Ready", "MemoryPressure", "DiskPressure")
            for status in ("true", "false")
        ),
        *(
            Sample(
                "kube_pod_status_ready",
                {**pod, "condition": condition},
                float((condition == "false") == (pod["pod"] in not_ready_pods)),
            )
            for pod in pods
            for condition in ("true", "false")
        ),
        *(
            Sample("kube_pod_status_phase", {**pod, "phase": phase}, float(phase == "Running"))
            for pod in pods
            for phase in ("Pending", "Running", "Failed")
        ),
        *(Sample("kube_pod_created", pod, _CREATED_S) for pod in pods),
        *(
            Sample(
                "kube_pod_container_status_restarts_total",
                {**pod, "container": "vllm"},
                0.0,
                "counter",
            )
            for pod in pods
        ),
    ]


def _by_resource(name: str, resources: Mapping[str, Mapping[str, int]]) -> list[Sample]:
    return [
        Sample(name, {"node": node, "resource": resource, "unit": "integer"}, float(count))
        for resource, nodes in resources.items()
        for node, count in nodes.items()
    ]


def gpu_operator_samples() -> list[Sample]:
    return [
        Sample("gpu_operator_reconciliation_status", {}, 1.0),
        Sample("gpu_operator_gpu_nodes_total", {}, 2.0),
    ]
