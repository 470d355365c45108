"""Alerts from DCGM and the device plugin: each fires, stays quiet below, resolves, reads well."""

from catalog.alerts.scenes.scene import Scene, series

GPU = {"Hostname": "n", "gpu": "3"}
XID = "DCGM_EXP_XID_ERRORS_COUNT"


def of_pod(name: str, values: str, pod: str = "p", **labels: str) -> dict[str, str]:
    """A series of one GPU as Prometheus keeps it, with the pod that was on the GPU."""
    return series(name, {**GPU, "exported_pod": pod, "exported_namespace": "m", **labels}, values)


def allocatable(values: str) -> dict[str, str]:
    return series(
        "kube_node_status_allocatable", {"node": "n", "resource": "nvidia_com_gpu"}, values
    )


def temperatures(gpus: int, values: str = "40x30") -> list[dict[str, str]]:
    return [
        series("DCGM_FI_DEV_GPU_TEMP", {"Hostname": "n", "gpu": str(gpu)}, values)
        for gpu in range(gpus)
    ]


SCENES = {
    "the device plugin withdraws a GPU, then brings it back": Scene(
        "GPULost",
        [allocatable("7x10 8x10")],
        quiet_min=(4, 12),
        firing_min=6,
        labels={"node": "n"},
        description="Node n shows 7 of 8 GPUs.",
    ),
    "DCGM loses a GPU": Scene(
        "GPULost",
        temperatures(7),
        quiet_min=(4,),
        firing_min=6,
        labels={"node": "n"},
        description="Node n shows 7 of 8 GPUs.",
    ),
    "eight GPUs are all": Scene("GPULost", temperatures(8), quiet_min=(6, 9)),
    "DCGM falls silent on a node, and comes back": Scene(
        "GPUMetricsAbsent",
        # Prometheus marks the series of a target that is gone as stale at once.
        [allocatable("8x40"), *temperatures(8, "40x5 stale _x14 40x20")],
        quiet_min=(5, 14, 22),
        firing_min=18,
        labels={"node": "n"},
        description=(
            "Node n offers 8 GPUs and DCGM exports none of them: no other alert about its GPUs"
            " can fire."
        ),
    ),
    "a GPU falls off the bus, and an hour passes": Scene(
        "GPUXidCritical",
        [
            of_pod(XID, "0x90"),
            # The exporter shows an error for its window of five minutes.
            of_pod(XID, "_x5 1x5 stale", xid="79"),
        ],
        quiet_min=(5, 72),
        firing_min=12,
        labels={**GPU, "xid": "79"},
        description="GPU 3 of n reported XID 79 within the last hour.",
    ),
    "an error of the program wakes nobody": Scene(
        "GPUXidCritical", [of_pod(XID, "1x20", xid="31")], quiet_min=(5, 15)
    ),
    "an error of the program, and a quarter of an hour passes": Scene(
        "GPUXidWarning",
        [of_pod(XID, "0x40"), of_pod(XID, "_x5 2x5 stale", xid="31")],
        quiet_min=(5, 28),
        firing_min=12,
        labels={**GPU, "xid": "31"},
        description="GPU 3 of n reported XID 31 within the last 15 minutes.",
    ),
    "no error, and one of the hardware": Scene(
        "GPUXidWarning",
        [of_pod(XID, "0x20"), of_pod(XID, "3x20", xid="0"), of_pod(XID, "1x20", xid="119")],
        quiet_min=(5, 15),
    ),
    "a double-bit error ends the pod, and an hour passes": Scene(
        "GPUDoubleBitErrors",
        [
            of_pod("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", "2x10 stale"),
            of_pod("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", "_x10 3x100", pod="its successor"),
        ],
        quiet_min=(9, 80),
        firing_min=20,
        labels=GPU,
        description=(
            "GPU 3 of n had double-bit ECC errors within the last hour: what was computed from"
            " that memory is lost."
        ),
    ),
    "old double-bit errors": Scene(
        "GPUDoubleBitErrors", [of_pod("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", "7x90")], quiet_min=(30, 80)
    ),
    "no spare row, and a new GPU": Scene(
        "GPURowRemapFailed",
        [of_pod("DCGM_FI_DEV_ROW_REMAP_FAILURE", "0x5 1x10 0x10")],
        quiet_min=(5, 18),
        firing_min=8,
        labels=GPU,
        description="GPU 3 of n could not remap a bad row of its memory: it has to be replaced.",
    ),
    "a row waits for a reset, and gets it": Scene(
        "GPURowRemapPending",
        [of_pod("DCGM_FI_DEV_ROW_REMAP_PENDING", "1x10 0x10")],
        quiet_min=(4, 12),
        firing_min=6,
        labels=GPU,
        description=(
            "GPU 3 of n has marked a row of its memory as bad, and uses it until it is reset."
        ),
    ),
    "an NVLink goes down, and comes back": Scene(
        "GPUNVLinkFailed",
        [
            of_pod("DCGM_EXP_GPU_HEALTH_STATUS", "0x5 20x10 0x10", health_watch="NVLINK"),
            of_pod("DCGM_EXP_GPU_HEALTH_STATUS", "0x30", health_watch="MEM"),
        ],
        quiet_min=(9, 18),
        firing_min=12,
        labels=GPU,
        description=(
            "An NVLink of GPU 3 of n is down, or has had more errors than DCGM allows for five"
            " minutes."
        ),
    ),
    "DCGM warns of an NVLink, and fails another check": Scene(
        "GPUNVLinkFailed",
        [
            of_pod("DCGM_EXP_GPU_HEALTH_STATUS", "10x20", health_watch="NVLINK"),
            of_pod("DCGM_EXP_GPU_HEALTH_STATUS", "20x20", health_watch="THERMAL"),
        ],
        quiet_min=(10, 20),
    ),
    "replays of an NVLink, and none any more": Scene(
        "GPUNVLinkErrors",
        [of_pod("DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL", "0+90x40 3600x30")],
        quiet_min=(9, 55),
        firing_min=30,
        labels=GPU,
        description="The NVLinks of GPU 3 of n have 1.5 errors a second.",
    ),
    "few errors of an NVLink": Scene(
        "GPUNVLinkErrors",
        [of_pod("DCGM_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL", "0+54x60")],
        quiet_min=(30, 50),
    ),
    "PCIe replays, and none any more": Scene(
        "GPUPCIeReplays",
        [of_pod("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", "0+9x40 360x30")],
        quiet_min=(9, 55),
        firing_min=30,
        labels=GPU,
        description="GPU 3 of n has 9 PCIe replays a minute.",
    ),
    "few PCIe replays": Scene(
        "GPUPCIeReplays",
        [of_pod("DCGM_FI_DEV_PCIE_REPLAY_COUNTER", "0+7x60")],
        quiet_min=(30, 50),
    ),
    "too hot, then not": Scene(
        "GPUThrottled",
        [
            of_pod("DCGM_EXP_CLOCK_EVENTS_COUNT", "10x30", clock_event="power_cap"),
            of_pod("DCGM_EXP_CLOCK_EVENTS_COUNT", "5x15 4x15", clock_event="hw_thermal"),
        ],
        quiet_min=(9, 17),
        firing_min=12,
        labels={**GPU, "clock_event": "hw_thermal"},
        description=(
            "GPU 3 of n has been slowed down (hw_thermal) for ten minutes, and all GPUs of its"
            " engine wait for it."
        ),
    ),
    "hot memory cools down": Scene(
        "GPUMemoryHot",
        [of_pod("DCGM_FI_DEV_MEMORY_TEMP", "91x15 90x15")],
        quiet_min=(9, 17),
        firing_min=12,
        labels=GPU,
        description="The memory of GPU 3 of n has been at 91 degrees Celsius.",
    ),
}
