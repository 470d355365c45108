"""Alerts on what engines run on: nodes, the GPU Operator, pods that cannot start.

Names are those of kube-state-metrics (docs/metrics), whose `resource` has `_` in place of `.` and
`/`, and of the GPU Operator (controllers/operator_metrics.go, its node status exporter). The
conditions of nodes beside `Ready` are set by the EKS node monitoring agent, which
`components/cluster.py` installs.
"""

from typing import Annotated

from pydantic import Field

from catalog.alerts.rule import Alert, RuleGroup
from catalog.alerts.served import Served
from catalog.section import Section

_AGENT_CONDITIONS = (
    "AcceleratedHardwareReady",
    "ContainerRuntimeReady",
    "KernelReady",
    "NetworkingReady",
    "StorageReady",
)
_GPU = 'resource="nvidia_com_gpu"'
_POD = "{{ $labels.namespace }}/{{ $labels.pod }}"


class ClusterThresholds(Section):
    """When nodes and pods need somebody."""

    restarts_per_h: Annotated[int, Field(ge=1)] = 3
    """Restarts of one engine in an hour that warn."""
    idle_gpu_node_h: Annotated[int, Field(ge=1)] = 2
    """Hours for which a GPU node may have no engine."""
    cordoned_gpu_node_h: Annotated[int, Field(ge=1)] = 4
    """Hours for which a GPU node may take no new pods."""


def group(served: Served, thresholds: ClusterThresholds) -> RuleGroup:
    return RuleGroup(
        "cluster.rules",
        (
            *_engines_missing(served),
            *_pods(served, thresholds),
            *_gpu_operator(),
            *_node_repair(),
            *_paid_for_nothing(thresholds),
        ),
    )


def _engines_missing(served: Served) -> list[Alert]:
    """After the time that engines may take to start, one after the other as in a rollout."""
    ready = f'kube_pod_status_ready{{{served.answering_pods},condition="true"}} == 1'
    alerts = []
    if served.engines > 0:
        alerts.append(
            Alert(
                name="ModelServerDown",
                expression=f"absent({ready})",
                for_=f"{served.startup_s}s",
                severity="critical",
                summary="A model server has no engine that is ready.",
                description=(
                    f"No engine of {served.model_name} in {served.namespace} has been ready for"
                    f" {served.startup_s / 60:.0f} minutes: nobody is served."
                ),
            )
        )
    if served.engines > 1:
        rollout_s = served.startup_s * served.engines
        alerts.append(
            Alert(
                name="ModelServerEnginesMissing",
                expression=f"count by (namespace) ({ready}) < {served.engines}",
                for_=f"{rollout_s}s",
                severity="warning",
                summary="A model server has fewer engines than it should.",
                description=(
                    f"{{{{ $value }}}} of {served.engines} engines of {served.model_name} in"
                    f" {{{{ $labels.namespace }}}} are ready, and have been too few for"
                    f" {rollout_s / 60:.0f} minutes."
                ),
            )
        )
    return alerts


def _pods(served: Served, thresholds: ClusterThresholds) -> tuple[Alert, ...]:
    pods, most = served.pods, thresholds.restarts_per_h
    restarts = f"kube_pod_container_status_restarts_total{{{pods}}}"
    by = "namespace, pod"
    return (
        Alert(
            name="EngineUnschedulable",
            expression=(
                f'max by ({by}) (kube_pod_status_scheduled{{{pods},condition="false"}}) == 1'
            ),
            for_="10m",
            severity="warning",
            summary="A pod of an engine finds no node.",
            description=f"{_POD} has found no node with the GPUs that it asks for.",
        ),
        Alert(
            name="EngineRestarts",
            # A LeaderWorkerSet makes the pods of an engine anew: the same name, another uid.
            expression=(
                f"sum by ({by}) (changes({restarts}[1h])) >= {most}\n"
                f"or count by ({by}) (count by ({by}, uid)"
                f" (last_over_time(kube_pod_created{{{pods}}}[1h]))) - 1 >= {most}"
            ),
            for_="1m",
            severity="warning",
            summary="An engine starts again and again.",
            description=f"{_POD} was restarted {{{{ $value }}}} times within an hour.",
        ),
        Alert(
            name="EngineOutOfMemory",
            expression=(
                f"max by ({by}, container) (kube_pod_container_status_last_terminated_reason"
                f'{{{pods},reason="OOMKilled"}}) == 1\n'
                f"and on ({by}, container) changes({restarts}[1h]) > 0"
            ),
            for_="1m",
            severity="warning",
            summary="An engine was killed for lack of memory of the node.",
            description=(
                f"Container {{{{ $labels.container }}}} of {_POD} was killed within the last hour:"
                " it needs more than its limit of memory."
            ),
        ),
    )


def _gpu_operator() -> tuple[Alert, Alert]:
    return (
        Alert(
            name="GPUOperatorNotReconciled",
            expression="min by (namespace) (gpu_operator_reconciliation_status) != 1",
            for_="30m",
            severity="warning",
            summary="The GPU Operator cannot bring its parts into the wanted state.",
            description=(
                "The GPU Operator in {{ $labels.namespace }} says {{ $value }}: 0 is parts that are"
                " not ready, -1 no ClusterPolicy, -2 an error of its own."
            ),
        ),
        Alert(
            name="GPUNodeOffersNoGPU",
            expression="max by (node) (gpu_operator_node_device_plugin_devices_total) == 0",
            for_="15m",
            severity="warning",
            summary="A GPU node offers no GPU to pods.",
            description=(
                "The device plugin offers no GPU of node {{ $labels.node }}: nothing can run there."
            ),
        ),
    )


def _node_repair() -> tuple[Alert, Alert]:
    """EKS acts ten minutes after a fault of a GPU, and thirty after any other."""
    conditions = "|".join(_AGENT_CONDITIONS)
    unhealthy = (
        "max by (node, condition) (kube_node_status_condition"
        f'{{condition=~"{conditions}",status="false"}}) == 1'
    )
    not_ready = (
        "max by (node, condition) (kube_node_status_condition"
        '{condition="Ready",status=~"false|unknown"}) == 1'
    )
    return (
        Alert(
            name="NodeUnhealthy",
            expression=unhealthy,
            for_="5m",
            severity="warning",
            summary="The node monitoring agent has found a fault.",
            description=(
                "Node {{ $labels.node }} has lost {{ $labels.condition }}: node auto repair"
                " restarts or replaces it soon, with what runs there."
            ),
        ),
        Alert(
            name="NodeNotRepaired",
            expression=f"{unhealthy}\nor {not_ready}",
            for_="1h",
            severity="critical",
            summary="A node with a fault was not repaired.",
            description=(
                "Node {{ $labels.node }} has been without {{ $labels.condition }} for an hour, in"
                " which node auto repair should have restarted or replaced it."
            ),
        ),
    )


def _paid_for_nothing(thresholds: ClusterThresholds) -> tuple[Alert, Alert]:
    has_gpus = f"max by (node) (kube_node_status_capacity{{{_GPU}}}) > 0"
    idle_h, cordoned_h = thresholds.idle_gpu_node_h, thresholds.cordoned_gpu_node_h
    return (
        Alert(
            name="GPUNodeIdle",
            expression=(
                f"{has_gpus}\nunless on (node)"
                f" sum by (node) (kube_pod_container_resource_requests{{{_GPU}}}) > 0"
            ),
            for_=f"{idle_h}h",
            severity="info",
            summary="A GPU node has no engine.",
            description=(
                f"No pod has asked for one of the {{{{ $value }}}} GPUs of {{{{ $labels.node }}}}"
                f" for {idle_h} hours, and the node is paid for."
            ),
        ),
        Alert(
            name="GPUNodeCordoned",
            expression=(
                f"max by (node) (kube_node_spec_unschedulable) == 1\nand on (node) {has_gpus}"
            ),
            for_=f"{cordoned_h}h",
            severity="info",
            summary="A GPU node takes no new pods, and is paid for.",
            description=(f"Node {{{{ $labels.node }}}} has been cordoned for {cordoned_h} hours."),
        ),
    )
