"""Alerts from EFA's counters, where an engine spans nodes.

Names are those of `efa_exporter/exporter.py`, whose series carry the node's name as `node`, of
vLLM, and of kube-state-metrics. Retransmissions and unresponsive peers would be the better
signs; EFA counts them from Nitro v4 on, and p4d and p4de are v3: an alert on them could never
fire (EC2 user guide, "Monitor an EFA").
"""

from typing import Annotated

from pydantic import Field

from catalog.alerts.rule import Alert, RuleGroup
from catalog.alerts.served import Served
from catalog.section import Section


class EfaThresholds(Section):
    """When the network between the nodes of an engine is in trouble."""

    rx_drops_per_s: Annotated[float, Field(gt=0)] = 1.0
    """Packets of one EFA device that are received and dropped, which warn after ten minutes."""
    bytes_per_token: Annotated[int, Field(ge=1)] = 1024
    """Least that the first node of an engine sends through EFA for each token it generates; less
    says that it talks TCP. One token's activations are twice the model's hidden size: 8192 bytes
    for Mixtral 8x7B."""


def group(served: Served, thresholds: EfaThresholds) -> RuleGroup:
    return RuleGroup("efa.rules", (_unwatched(), _unused(served, thresholds), *_errors(thresholds)))


def _unwatched() -> Alert:
    offered = 'max by (node) (kube_node_status_allocatable{resource="vpc_amazonaws_com_efa"})'
    return Alert(
        name="EFAMetricsAbsent",
        expression=f"{offered} > 0 unless on (node) max by (node) (efa_devices) > 0",
        for_="10m",
        severity="warning",
        summary="Nothing is known about the EFA devices of a node.",
        description=(
            "Node {{ $labels.node }} offers {{ $value }} EFA devices and its exporter sees none of"
            " them: no other alert about EFA can fire there."
        ),
    )


def _unused(served: Served, thresholds: EfaThresholds) -> Alert:
    """NCCL without EFA falls back to TCP and says so in a log line alone (vllm#55635)."""
    in_namespace = f'{{namespace="{served.namespace}"}}'
    sent = "sum by (node) (rate(efa_tx_bytes_total[10m]))"
    # A pod that moved may be on two nodes for a moment: the side with several of them.
    generated = (
        f"sum by (node) (max by (namespace, pod, node) (kube_pod_info{in_namespace})"
        " * on (namespace, pod) group_left ()"
        f" sum by (namespace, pod) (rate(vllm:generation_tokens_total{in_namespace}[10m])))"
    )
    return Alert(
        name="EFAUnused",
        # Fewer than a token a second is too little to tell.
        expression=f"{sent} / ({generated} > 1) < {thresholds.bytes_per_token}",
        for_="10m",
        severity="warning",
        summary="An engine across nodes generates tokens and sends next to nothing through EFA.",
        description=(
            "The engine that starts on node {{ $labels.node }} sends"
            ' {{ $value | printf "%.0f" }} bytes through EFA for each token, and more than'
            f" {thresholds.bytes_per_token} are due: its nodes talk TCP, at a small part of the"
            " bandwidth."
        ),
    )


def _errors(thresholds: EfaThresholds) -> tuple[Alert, ...]:
    return (
        Alert(
            name="EFAPacketsDropped",
            expression=(
                "max by (node, device) (rate(efa_rx_drops_total[5m]))"
                f" > {thresholds.rx_drops_per_s:g}"
            ),
            for_="10m",
            severity="warning",
            summary="An EFA device drops packets that it has received.",
            description=(
                "EFA device {{ $labels.device }} of node {{ $labels.node }} drops"
                ' {{ $value | printf "%.1f" }} packets a second.'
            ),
        ),
        Alert(
            name="EFAReadErrors",
            expression="max by (node, device) (increase(efa_rdma_read_wr_err_total[10m])) > 0",
            for_="1m",
            severity="warning",
            summary="RDMA reads between the nodes of an engine fail.",
            description=(
                "EFA device {{ $labels.device }} of node {{ $labels.node }} had RDMA reads that"
                " failed within ten minutes: the engine hangs, or has ended."
            ),
        ),
    )
