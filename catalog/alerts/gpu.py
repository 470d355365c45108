"""Alerts from DCGM and the device plugin: what is wrong with a GPU, or with all of a node.

Names are those of `catalog/dcgm_metrics.csv` and of kube-state-metrics. dcgm-exporter names the
node `Hostname` (it gets NODE_NAME from the GPU operator), and the pod on a GPU, which Prometheus
renames to exported_pod: when that pod ends, every series of the GPU ends too and another begins.
So an increase is that of the GPU, over all its pods: an error that kills the pod would else hide
between two series.
"""

from typing import Annotated

from pydantic import Field

from catalog.alerts.rule import Alert, RuleGroup
from catalog.alerts.served import Served
from catalog.section import Section

CRITICAL_XIDS = (46, 48, 62, 64, 74, 79, 95, 109, 119, 120, 140)
"""For which NVIDIA's catalogue wants an A100 reset, its node restarted, or its memory (48) or links
(74) looked at (docs.nvidia.com, "Analyzing Xid Errors with the Xid Catalog", immediate action).
Others want the program restarted, such as 13, 31 and 94, or nothing, such as 43 and 63."""

SLOWED = "hw_slowdown|hw_thermal|sw_thermal|hw_power_brake"
"""Reasons for low clocks that are not the GPU's own choice, as dcgm-exporter names them."""

NVLINK_ERRORS = ("CRC_FLIT", "CRC_DATA", "REPLAY", "RECOVERY")
"""Kinds of errors that DCGM counts of NVLinks, as they are in its names."""

_DCGM_FAILS = 20
"""Of DCGM_EXP_GPU_HEALTH_STATUS: 0 pass, 10 warn, 20 fail."""


class GpuThresholds(Section):
    """When a GPU is in trouble."""

    nvlink_errors_per_s: Annotated[float, Field(gt=0)] = 1.0
    """CRC errors, replays or recoveries of one GPU's NVLinks that warn after ten minutes; at 100
    CRC errors a second DCGM's own check fails."""
    pcie_replays_per_min: Annotated[float, Field(gt=0)] = 8.0
    """PCIe replays of one GPU that warn after ten minutes; DCGM's own limit."""
    throttled_samples: Annotated[int, Field(ge=1, le=10)] = 5
    """Of the 10 samples that dcgm-exporter takes in five minutes, those with clocks lowered by heat
    or by the power supply that warn after ten minutes."""
    memory_temp_c: Annotated[int, Field(ge=60, le=110)] = 90
    """Temperature of a GPU's memory that warns after ten minutes; an A100 slows down at the limit
    that nvidia-smi -q -d TEMPERATURE names."""


def _by_gpu(metric: str) -> str:
    return f"max by (Hostname, gpu) ({metric})"


def _over(window: str, function: str, counter: str) -> str:
    return f"{function}({_by_gpu(counter)}[{window}:1m])"


def group(served: Served, thresholds: GpuThresholds) -> RuleGroup:
    return RuleGroup(
        "gpu.rules",
        (*_missing(served), *_errors(), *_memory(), *_links(thresholds), *_slow(thresholds)),
    )


def _missing(served: Served) -> tuple[Alert, ...]:
    gpus = served.gpus_per_node
    allocatable = 'max by (node) (kube_node_status_allocatable{resource="nvidia_com_gpu"})'
    seen = 'count by (node) (label_replace(DCGM_FI_DEV_GPU_TEMP, "node", "$1", "Hostname", "(.+)"))'
    return (
        Alert(
            name="GPULost",
            # A lost GPU leaves no series behind that could show it: count what is left.
            expression=f"{allocatable} < {gpus} or {seen} < {gpus}",
            for_="5m",
            severity="critical",
            summary="A node has fewer GPUs than its instance type.",
            description=f"Node {{{{ $labels.node }}}} shows {{{{ $value }}}} of {gpus} GPUs.",
        ),
        Alert(
            name="GPUMetricsAbsent",
            expression=f"{allocatable} > 0 unless on (node) {seen}",
            for_="10m",
            severity="warning",
            summary="DCGM says nothing about the GPUs of a node.",
            description=(
                "Node {{ $labels.node }} offers {{ $value }} GPUs and DCGM exports none of"
                " them: no other alert about its GPUs can fire."
            ),
        ),
    )


def _errors() -> tuple[Alert, ...]:
    codes = "|".join(map(str, CRITICAL_XIDS))

    def within(selector: str, window: str) -> str:
        count = f"max_over_time(DCGM_EXP_XID_ERRORS_COUNT{{{selector}}}[{window}])"
        return f"max by (Hostname, gpu, xid) ({count}) > 0"

    return (
        Alert(
            name="GPUXidCritical",
            # The exporter forgets an error after 5 minutes.
            expression=within(f'xid=~"{codes}"', "1h"),
            for_="1m",
            severity="critical",
            summary="A GPU reports an error that it does not recover from by itself.",
            description=(
                "GPU {{ $labels.gpu }} of {{ $labels.Hostname }} reported XID {{ $labels.xid }}"
                " within the last hour."
            ),
        ),
        Alert(
            name="GPUXidWarning",
            # Without an error the exporter has one series without a code, or with 0.
            expression=within(f'xid!~"|0|{codes}"', "15m"),
            for_="1m",
            severity="warning",
            summary="A GPU reports an error, mostly of the program that runs on it.",
            description=(
                "GPU {{ $labels.gpu }} of {{ $labels.Hostname }} reported XID {{ $labels.xid }}"
                " within the last 15 minutes."
            ),
        ),
    )


def _memory() -> tuple[Alert, ...]:
    return (
        Alert(
            name="GPUDoubleBitErrors",
            expression=_over("1h", "increase", "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL") + " > 0",
            for_="1m",
            severity="critical",
            summary="The memory of a GPU has errors that ECC cannot correct.",
            description=(
                "GPU {{ $labels.gpu }} of {{ $labels.Hostname }} had double-bit ECC errors within"
                " the last hour: what was computed from that memory is lost."
            ),
        ),
        Alert(
            name="GPURowRemapFailed",
            expression=f"{_by_gpu('DCGM_FI_DEV_ROW_REMAP_FAILURE')} > 0",
            for_="1m",
            severity="critical",
            summary="A GPU has no spare memory left for rows that fail.",
            description=(
                "GPU {{ $labels.gpu }} of {{ $labels.Hostname }} could not remap a bad row of its"
                " memory: it has to be replaced."
            ),
        ),
        Alert(
            name="GPURowRemapPending",
            expression=f"{_by_gpu('DCGM_FI_DEV_ROW_REMAP_PENDING')} > 0",
            for_="5m",
            severity="warning",
            summary="A GPU has to be reset before it stops using a bad row of memory.",
            description=(
                "GPU {{ $labels.gpu }} of {{ $labels.Hostname }} has marked a row of its memory"
                " as bad, and uses it until it is reset."
            ),
        ),
    )


def _links(thresholds: GpuThresholds) -> tuple[Alert, ...]:
    nvlink_errors = " or ".join(
        _over("10m", "rate", f"DCGM_FI_DEV_NVLINK_{error}_ERROR_COUNT_TOTAL")
        + f" > {thresholds.nvlink_errors_per_s:g}"
        for error in NVLINK_ERRORS
    )
    replays = _over("10m", "rate", "DCGM_FI_DEV_PCIE_REPLAY_COUNTER")
    return (
        Alert(
            name="GPUNVLinkFailed",
            expression=_by_gpu('DCGM_EXP_GPU_HEALTH_STATUS{health_watch="NVLINK"}')
            + f" >= {_DCGM_FAILS}",
            for_="5m",
            severity="critical",
            summary="DCGM's check of a GPU's NVLinks fails: a link is down or full of errors.",
            description=(
                "An NVLink of GPU {{ $labels.gpu }} of {{ $labels.Hostname }} is down, or has had"
                " more errors than DCGM allows for five minutes."
            ),
        ),
        Alert(
            name="GPUNVLinkErrors",
            # Not their sum: where one kind is not counted, there would be none.
            expression=nvlink_errors,
            for_="10m",
            severity="warning",
            summary="The NVLinks of a GPU have many errors.",
            description=(
                "The NVLinks of GPU {{ $labels.gpu }} of {{ $labels.Hostname }} have"
                ' {{ $value | printf "%.1f" }} errors a second.'
            ),
        ),
        Alert(
            name="GPUPCIeReplays",
            expression=f"{replays} * 60 > {thresholds.pcie_replays_per_min:g}",
            for_="10m",
            severity="warning",
            summary="The PCIe link of a GPU has to send much of its data twice.",
            description=(
                "GPU {{ $labels.gpu }} of {{ $labels.Hostname }} has"
                ' {{ $value | printf "%.0f" }} PCIe replays a minute.'
            ),
        ),
    )


def _slow(thresholds: GpuThresholds) -> tuple[Alert, ...]:
    throttled = (
        "max by (Hostname, gpu, clock_event)"
        f' (DCGM_EXP_CLOCK_EVENTS_COUNT{{clock_event=~"{SLOWED}"}})'
    )
    return (
        Alert(
            name="GPUThrottled",
            expression=f"{throttled} >= {thresholds.throttled_samples}",
            for_="10m",
            severity="warning",
            summary="A GPU has been slowed down by heat or by its power supply.",
            description=(
                "GPU {{ $labels.gpu }} of {{ $labels.Hostname }} has been slowed down"
                " ({{ $labels.clock_event }}) for ten minutes, and all GPUs of its engine wait"
                " for it."
            ),
        ),
        Alert(
            name="GPUMemoryHot",
            expression=f"{_by_gpu('DCGM_FI_DEV_MEMORY_TEMP')} > {thresholds.memory_temp_c}",
            for_="10m",
            severity="warning",
            summary="The memory of a GPU is hot.",
            description=(
                "The memory of GPU {{ $labels.gpu }} of {{ $labels.Hostname }} has been at"
                " {{ $value }} degrees Celsius."
            ),
        ),
    )
