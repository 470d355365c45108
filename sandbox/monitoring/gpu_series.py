"""What DCGM, kube-state-metrics and node-exporter say about GPU nodes.

The fields of DCGM are those of `catalog/dcgm_metrics.csv`; labels are dcgm-exporter's.
"""

import csv
from dataclasses import dataclass
from functools import cache

from components.monitoring import dcgm_collectors
from sandbox.monitoring.series import Kind, Sample

_COUNTED_ON_DEMAND = "DCGM_EXP_XID_ERRORS_COUNT"

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
}
"""Of an A100 that serves; a field that is not here is 0."""


@dataclass(frozen=True, slots=True)
class Gpus:
    """The GPUs of a node: how many are left, and XID errors in dcgm-exporter's window by code."""

    left: int
    xid_errors: tuple[tuple[int, int], ...] = ()


@cache
def _fields() -> list[tuple[str, Kind]]:
    lines = [line for line in dcgm_collectors().splitlines() if line and line[0] != "#"]
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines)]
    return [(name, "counter" if kind == "counter" else "gauge") for name, kind, *_ in rows]


def dcgm_samples(node: str, gpus: Gpus, pod: str, namespace: str) -> list[Sample]:
    """One node's dcgm-exporter; `pod` holds all its GPUs, or nobody where it is empty."""
    samples = []
    for field, kind in _fields():
        for gpu in range(gpus.left):
            labels = _labels(node, gpu, pod, namespace)
            if field == _COUNTED_ON_DEMAND:
                errors = gpus.xid_errors if gpu == 0 else ()
                samples += [
                    Sample(field, {**labels, "xid": str(code)}, float(count), kind)
                    for code, count in errors
                ]
            else:
                samples.append(Sample(field, labels, _HEALTHY.get(field, 0.0), kind))
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
