"""What DCGM says about the GPUs of a node.

The fields of DCGM are those of `catalog/dcgm_metrics.csv`; labels are dcgm-exporter's.
"""

import csv
from dataclasses import dataclass
from functools import cache

from components.monitoring import dcgm_collectors
from sandbox.monitoring.series import Kind, Sample

_DIVIDED = {
    "DCGM_EXP_XID_ERRORS_COUNT": ("xid", "0"),
    "DCGM_EXP_CLOCK_EVENTS_COUNT": ("clock_event", "gpu_idle"),
    "DCGM_EXP_GPU_HEALTH_STATUS": ("health_watch", "NVLINK"),
}
"""Fields of dcgm-exporter's own: the label that divides them, and its value in health."""

_HEALTHY = {
    "DCGM_FI_DEV_GPU_TEMP": 48.0,
    "DCGM_FI_DEV_MEMORY_TEMP": 52.0,
    "DCGM_FI_DEV_POWER_USAGE": 240.0,
    "DCGM_FI_DEV_GPU_UTIL": 92.0,
    "DCGM_FI_DEV_SM_CLOCK": 1410.0,
    "DCGM_FI_DEV_MEM_CLOCK": 1215.0,
    "DCGM_FI_DEV_FB_USED": 37300.0,
    "DCGM_FI_DEV_FB_FREE": 2900.0,
    "DCGM_FI_DEV_FB_RESERVED": 700.0,
    "DCGM_FI_PROF_SM_ACTIVE": 0.55,
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": 0.22,
    "DCGM_FI_PROF_DRAM_ACTIVE": 0.48,
    "DCGM_FI_PROF_NVLINK_TX_BYTES": 21e9,
    "DCGM_FI_PROF_NVLINK_RX_BYTES": 21e9,
    "DCGM_FI_PROF_PCIE_TX_BYTES": 0.3e9,
    "DCGM_FI_PROF_PCIE_RX_BYTES": 0.2e9,
}
"""Of an A100 that serves; a field that is not here is 0, and a counter stands still."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What a field shows of one GPU instead; a counter's `value` is what it grows by a second.

    `kind` is the value of the label that divides the field, where one does.
    """

    field: str
    value: float
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Gpus:
    """The GPUs of a node: how many are left, and the faults of the first one."""

    left: int
    faults: tuple[Fault, ...] = ()


@cache
def _fields() -> list[tuple[str, Kind]]:
    lines = [line for line in dcgm_collectors().splitlines() if line and line[0] != "#"]
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines)]
    return [(name, "counter" if kind == "counter" else "gauge") for name, kind, *_ in rows]


def dcgm_samples(node: str, gpus: Gpus, pod: str, namespace: str, elapsed_s: float) -> list[Sample]:
    """One node's dcgm-exporter; `pod` holds all its GPUs, or nobody where it is empty."""
    faults = {fault.field: fault for fault in gpus.faults}
    samples = []
    for field, kind in _fields():
        for gpu in range(gpus.left):
            fault = faults.get(field) if gpu == 0 else None
            labels = _labels(node, gpu, pod, namespace)
            if field in _DIVIDED:
                key, healthy = _DIVIDED[field]
                labels[key] = fault.kind if fault else healthy
            value = fault.value if fault else _HEALTHY.get(field, 0.0)
            if kind == "counter":
                value *= elapsed_s
            samples.append(Sample(field, labels, value, kind))
    return samples


def _labels(node: str, gpu: int, pod: str, namespace: str) -> dict[str, str]:
    holder = {"container": "vllm", "namespace": namespace, "pod": pod} if pod else {}
    return {
        "gpu": str(gpu),
        "UUID": f"GPU-{node}-{gpu}",
        "pci_bus_id": f"00000000:{0x10 + gpu:02X}:1C.0",
        "device": f"nvidia{gpu}",
        "modelName": "NVIDIA A100-SXM4-40GB",
        "Hostname": node,
        **holder,
    }
