"""The network between the nodes of an engine: what NCCL sends through EFA.

NCCL exports no metrics; EFA's counters see all that it sends, and more of nothing where NCCL has
fallen back to TCP.
"""

from catalog.alerts import Served, Thresholds
from catalog.dashboards.board import (
    BLUE,
    VERMILION,
    Board,
    Limit,
    Panel,
    Query,
    Row,
    Stat,
    TimeSeries,
    Variable,
)

_NODES = 'node=~"$node"'


def board(served: Served, thresholds: Thresholds) -> Board:
    return Board(
        uid="moe-efa",
        title="MoE serving: EFA and NCCL",
        description="What the nodes of an engine send each other, and what gets lost.",
        variables=(Variable("node", "node", "efa_devices"),),
        rows=(
            Row("Now", _now(served, thresholds)),
            Row("Traffic", _traffic()),
            Row("Errors", _errors(thresholds)),
        ),
    )


def _rate(counter: str) -> str:
    return f"rate(efa_{counter}_total{{{_NODES}}}[$__rate_interval])"


def _now(served: Served, thresholds: Thresholds) -> tuple[Panel, ...]:
    efa = thresholds.efa
    generated = f'vllm:generation_tokens_total{{namespace="{served.namespace}"}}'
    return (
        Stat(
            title="Fewest EFA devices on a node",
            description="A p4d or p4de has four. Fewer: the driver or the device plugin.",
            unit="short",
            queries=(Query(f"min(efa_devices{{{_NODES}}})"),),
            base_colour=VERMILION,
            limits=(Limit(1, BLUE),),
            alerts=("EFAMetricsAbsent",),
            width=6,
        ),
        Stat(
            title="Sent through EFA",
            description="By all nodes together.",
            unit="Bps",
            queries=(Query(f"sum({_rate('tx_bytes')})"),),
            decimals=1,
            width=6,
        ),
        Stat(
            title="Sent for each generated token",
            description=(
                "Red below the least that an engine across nodes has to send: NCCL talks TCP, at a"
                " small part of the bandwidth. Empty without requests."
            ),
            unit="decbytes",
            queries=(
                Query(f"sum({_rate('tx_bytes')}) / (sum(rate({generated}[$__rate_interval])) > 1)"),
            ),
            base_colour=VERMILION,
            limits=(Limit(efa.bytes_per_token, BLUE),),
            alerts=("EFAUnused",),
            decimals=0,
            width=6,
        ),
        Stat(
            title="Received and dropped",
            description=(
                f"Packets a second of the worst device. Red from {efa.rx_drops_per_s:g} on, where"
                " an alert warns."
            ),
            unit="pps",
            queries=(Query(f"max({_rate('rx_drops')})"),),
            limits=(Limit(efa.rx_drops_per_s, VERMILION),),
            alerts=("EFAPacketsDropped",),
            decimals=1,
            width=6,
        ),
    )


def _traffic() -> tuple[Panel, ...]:
    return (
        TimeSeries(
            title="Bytes",
            description=(
                "Of each node. Both nodes of an engine send and receive; one of them alone is an"
                " engine that has lost its other half."
            ),
            unit="Bps",
            queries=(
                Query(f"sum by (node) ({_rate('tx_bytes')})", "sent {{node}}"),
                Query(f"sum by (node) ({_rate('rx_bytes')})", "received {{node}}"),
            ),
        ),
        TimeSeries(
            title="Bytes sent by each device",
            description=(
                "NCCL spreads over all four devices of a node; one device alone is a quarter of the"
                " bandwidth."
            ),
            unit="Bps",
            queries=(Query(f"sum by (node, device) ({_rate('tx_bytes')})", "{{node}} {{device}}"),),
        ),
        TimeSeries(
            title="How the bytes go",
            description=(
                "Send operations, and RDMA reads that fetch from the other node's memory. Without"
                " RDMA reads GPUDirect is off and every byte takes a way through host memory."
            ),
            unit="Bps",
            queries=(
                Query(f"sum({_rate('send_bytes')})", "sends"),
                Query(f"sum({_rate('rdma_read_bytes')})", "RDMA reads"),
            ),
        ),
        TimeSeries(
            title="Packets",
            description="Of each node; many packets for few bytes are small messages.",
            unit="pps",
            queries=(
                Query(f"sum by (node) ({_rate('tx_pkts')})", "sent {{node}}"),
                Query(f"sum by (node) ({_rate('rx_pkts')})", "received {{node}}"),
            ),
        ),
    )


def _errors(thresholds: Thresholds) -> tuple[Panel, ...]:
    return (
        TimeSeries(
            title="Packets received and dropped",
            description=(
                "Of each device: more comes than the node takes up. The line is where an alert"
                " warns."
            ),
            unit="pps",
            queries=(Query(f"max by (node, device) ({_rate('rx_drops')})", "{{node}} {{device}}"),),
            limits=(Limit(thresholds.efa.rx_drops_per_s),),
            alerts=("EFAPacketsDropped",),
        ),
        TimeSeries(
            title="RDMA reads that failed",
            description=(
                "Within ten minutes, of each device. Above 0 the engine hangs, or has ended."
            ),
            unit="short",
            queries=(
                Query(
                    "max by (node, device)"
                    f" (increase(efa_rdma_read_wr_err_total{{{_NODES}}}[10m]))",
                    "{{node}} {{device}}",
                ),
            ),
            alerts=("EFAReadErrors",),
        ),
    )
