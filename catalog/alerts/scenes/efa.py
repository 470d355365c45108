"""Alerts from EFA's counters: each fires, stays quiet below, resolves, reads well."""

from catalog.alerts.scenes.scene import Scene, series

DEVICE = {"node": "n", "device": "rdmap16s27"}
PORT = {**DEVICE, "port": "1"}
LEADER = {"namespace": "m", "pod": "mixtral-group-0"}


def engine(tokens: str) -> list[dict[str, str]]:
    """An engine whose first pod is on n, and another pod on n that is no engine."""
    of_node = {"node": "n", "host_ip": "10.0.0.1"}
    return [
        series("vllm:generation_tokens_total", {**LEADER, "model_name": "mixtral"}, tokens),
        series("kube_pod_info", {**LEADER, **of_node}, "1x90"),
        series(
            "kube_pod_info", {"namespace": "m", "pod": "mixtral-group-0-1", "node": "o"}, "1x90"
        ),
        series("kube_pod_info", {"namespace": "m", "pod": "other", **of_node}, "1x90"),
    ]


UNUSED = (
    "The engine that starts on node n sends 0 bytes through EFA for each token, and more than 1024"
    " are due: its nodes talk TCP, at a small part of the bandwidth."
)

SCENES = {
    "the exporter does not run, then it does": Scene(
        "EFAMetricsAbsent",
        [
            series(
                "kube_node_status_allocatable",
                {"node": "n", "resource": "vpc_amazonaws_com_efa"},
                "4x40",
            ),
            series("efa_devices", {"node": "another"}, "4x40"),
            series("efa_devices", {"node": "n"}, "_x15 4x20"),
        ],
        quiet_min=(9, 17),
        firing_min=12,
        labels={"node": "n"},
        description=(
            "Node n offers 4 EFA devices and its exporter sees none of them: no other alert about"
            " EFA can fire there."
        ),
    ),
    "the exporter runs and sees no device": Scene(
        "EFAMetricsAbsent",
        [
            series(
                "kube_node_status_allocatable",
                {"node": "n", "resource": "vpc_amazonaws_com_efa"},
                "4x20",
            ),
            series("efa_devices", {"node": "n"}, "0x20"),
        ],
        quiet_min=(9,),
        firing_min=15,
        labels={"node": "n"},
        description=(
            "Node n offers 4 EFA devices and its exporter sees none of them: no other alert about"
            " EFA can fire there."
        ),
    ),
    "tokens through TCP, then through EFA": Scene(
        "EFAUnused",
        [
            *engine("0+6000x90"),
            # The handshake when the engine starts, and no more.
            series("efa_tx_bytes_total", PORT, "0 9000x40 9000+60000000x40"),
        ],
        quiet_min=(9, 60),
        firing_min=40,
        labels={"node": "n"},
        description=UNUSED,
    ),
    "as many bytes as the tokens need": Scene(
        "EFAUnused",
        [*engine("0+6000x90"), series("efa_tx_bytes_total", PORT, f"0+{6000 * 1024}x90")],
        quiet_min=(30, 80),
    ),
    "an idle engine": Scene(
        "EFAUnused",
        [*engine("0+30x90"), series("efa_tx_bytes_total", PORT, "9000x90")],
        quiet_min=(30, 80),
    ),
    "a pod that is on two nodes for a moment": Scene(
        "EFAUnused",
        [
            *engine("0+6000x60"),
            series("kube_pod_info", {**LEADER, "node": "o"}, "_x20 1x3 stale"),
            series("efa_tx_bytes_total", PORT, "9000x60"),
        ],
        quiet_min=(9,),
        firing_min=22,
        labels={"node": "n"},
        description=UNUSED,
    ),
    "packets are dropped, then not": Scene(
        "EFAPacketsDropped",
        [series("efa_rx_drops_total", PORT, "0+90x30 2700x30")],
        quiet_min=(9, 45),
        firing_min=20,
        labels=DEVICE,
        description="EFA device rdmap16s27 of node n drops 1.5 packets a second.",
    ),
    "few packets are dropped": Scene(
        "EFAPacketsDropped",
        [series("efa_rx_drops_total", PORT, "0+60x60")],
        quiet_min=(20, 50),
    ),
    "reads fail once": Scene(
        "EFAReadErrors",
        [series("efa_rdma_read_wr_err_total", PORT, "3x10 7x30")],
        quiet_min=(9, 30),
        firing_min=14,
        labels=DEVICE,
        description=(
            "EFA device rdmap16s27 of node n had RDMA reads that failed within ten minutes: the"
            " engine hangs, or has ended."
        ),
    ),
    "reads failed long ago": Scene(
        "EFAReadErrors", [series("efa_rdma_read_wr_err_total", PORT, "7x40")], quiet_min=(20, 40)
    ),
}
