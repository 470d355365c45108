"""The GPUs under the engines: how busy, how hot, what is broken."""

from catalog.alerts import Served, Thresholds
from catalog.alerts.gpu import NVLINK_ERRORS, SLOWED
from catalog.dashboards.board import (
    BLUE,
    ORANGE,
    VERMILION,
    Board,
    Limit,
    Panel,
    Query,
    Row,
    Stat,
    Table,
    TimeSeries,
    Variable,
)

_NODES = 'Hostname=~"$node"'


def board(served: Served, thresholds: Thresholds) -> Board:
    return Board(
        uid="moe-gpus",
        title="MoE serving: GPUs",
        description="What DCGM says of each GPU: load, memory, heat, errors and links.",
        variables=(Variable("node", "Hostname", "DCGM_FI_DEV_GPU_TEMP"),),
        rows=(
            Row("Now", _now(served, thresholds)),
            Row("Load", _load()),
            Row("Memory, power and heat", _state(thresholds)),
            Row("Errors", _errors(thresholds)),
            Row("Links", _links(thresholds)),
        ),
    )


def _field(name: str) -> str:
    return f"{name}{{{_NODES}}}"


def _gpu(name: str) -> str:
    """One series a GPU, whichever pod holds it."""
    return f"max by (Hostname, gpu) ({_field(name)})"


def _each(name: str, scale: str = "") -> tuple[Query, ...]:
    return (Query(f"{_gpu(name)}{scale}", "{{Hostname}} {{gpu}}"),)


def _now(served: Served, thresholds: Thresholds) -> tuple[Panel, ...]:
    gpus = served.gpus_per_node
    return (
        Stat(
            title="Fewest GPUs on a node",
            description=f"GPUs that DCGM sees on the worst node; each should have {gpus}.",
            unit="short",
            queries=(Query(f"min(count by (Hostname) ({_field('DCGM_FI_DEV_GPU_TEMP')}))"),),
            base_colour=VERMILION,
            limits=(Limit(gpus, BLUE),),
            alerts=("GPULost", "GPUMetricsAbsent"),
        ),
        Stat(
            title="XID errors now",
            description=(
                "GPUs with an XID error in the last minutes, by any code; the table below says"
                " which. DCGM has no series before the first error."
            ),
            unit="short",
            queries=(
                Query(
                    "count(max by (Hostname, gpu)"
                    f' (DCGM_EXP_XID_ERRORS_COUNT{{{_NODES},xid!~"|0"}}) > 0) or vector(0)'
                ),
            ),
            limits=(Limit(1, VERMILION),),
            alerts=("GPUXidCritical", "GPUXidWarning"),
        ),
        Stat(
            title="Tensor cores, mean",
            description=(
                "Share of cycles in which the tensor cores multiply, over all GPUs: the honest"
                " measure of load. Decoding waits for memory, so 0.2 to 0.4 is a busy server."
            ),
            unit="percentunit",
            queries=(Query(f"avg({_field('DCGM_FI_PROF_PIPE_TENSOR_ACTIVE')})"),),
            decimals=0,
        ),
        Stat(
            title="Memory bandwidth, mean",
            description="Share of cycles in which GPU memory is read or written, over all GPUs.",
            unit="percentunit",
            queries=(Query(f"avg({_field('DCGM_FI_PROF_DRAM_ACTIVE')})"),),
            decimals=0,
        ),
        Stat(
            title="Hottest memory",
            description=(
                f"Orange from {thresholds.gpu.memory_temp_c} degrees on, where an alert warns."
            ),
            unit="celsius",
            queries=(Query(f"max({_field('DCGM_FI_DEV_MEMORY_TEMP')})"),),
            limits=(Limit(thresholds.gpu.memory_temp_c, ORANGE),),
            alerts=("GPUMemoryHot",),
        ),
        Stat(
            title="Power",
            description="Draw of all GPUs together, without their nodes.",
            unit="watt",
            queries=(Query(f"sum({_gpu('DCGM_FI_DEV_POWER_USAGE')})"),),
            decimals=1,
        ),
    )


def _load() -> tuple[Panel, ...]:
    return (
        TimeSeries(
            title="GPU utilisation",
            description=(
                "Share of time in which any kernel ran. It says that a GPU has work, not how"
                " much: one small kernel after the other is 100 %."
            ),
            unit="percent",
            queries=_each("DCGM_FI_DEV_GPU_UTIL"),
            maximum=100,
        ),
        TimeSeries(
            title="SM activity",
            description=(
                "Share of time in which the average SM had work. GPUs of an engine rise and fall"
                " together; one that lags slows all of them."
            ),
            unit="percentunit",
            queries=_each("DCGM_FI_PROF_SM_ACTIVE"),
            maximum=1,
        ),
        TimeSeries(
            title="Tensor core activity",
            description="High while prompts are computed, low while answers are generated.",
            unit="percentunit",
            queries=_each("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE"),
            maximum=1,
        ),
        TimeSeries(
            title="DRAM activity",
            description=(
                "Reading and writing of GPU memory. With expert parallelism the GPU of a hot"
                " expert stands out here."
            ),
            unit="percentunit",
            queries=_each("DCGM_FI_PROF_DRAM_ACTIVE"),
            maximum=1,
        ),
    )


def _state(thresholds: Thresholds) -> tuple[Panel, ...]:
    return (
        TimeSeries(
            title="GPU memory used",
            description=(
                "vLLM takes its share (gpu_memory_utilization) at start and keeps it, so this is a"
                " flat line whatever the load; KV cache use is on its own dashboard."
            ),
            unit="mbytes",
            queries=_each("DCGM_FI_DEV_FB_USED"),
        ),
        TimeSeries(
            title="Power draw",
            description="Of each GPU; an A100 SXM may draw 400 W.",
            unit="watt",
            queries=_each("DCGM_FI_DEV_POWER_USAGE"),
        ),
        TimeSeries(
            title="Temperature of GPU memory",
            description="The line is where an alert warns; past its limit a GPU slows down.",
            unit="celsius",
            queries=_each("DCGM_FI_DEV_MEMORY_TEMP"),
            limits=(Limit(thresholds.gpu.memory_temp_c),),
            alerts=("GPUMemoryHot",),
        ),
        TimeSeries(
            title="SM clock",
            description=(
                "A step down under load is a GPU that is slowed by heat or power; all GPUs of its"
                " engine wait for it. An idle GPU lowers its clock by itself."
            ),
            unit="hertz",
            queries=_each("DCGM_FI_DEV_SM_CLOCK", " * 1e6"),
            alerts=("GPUThrottled",),
        ),
    )


def _errors(thresholds: Thresholds) -> tuple[Panel, ...]:
    def grown(counter: str) -> str:
        # Of the GPU: when the pod on it ends, its series end and others begin.
        return f"sum(increase({_gpu(counter)}[1h:1m]))"

    return (
        Table(
            title="XID errors of the last hour",
            description=(
                "By node, GPU and code, with the number of errors. 13, 31, 43, 45 are mostly the"
                " program's fault; 48, 64, 79, 95 want the GPU reset or replaced."
            ),
            unit="short",
            queries=(
                Query(
                    "max by (Hostname, gpu, xid) (max_over_time("
                    f'DCGM_EXP_XID_ERRORS_COUNT{{{_NODES},xid!~"|0"}}[1h])) > 0'
                ),
            ),
            labels=("Hostname", "gpu", "xid"),
            value="Errors",
            alerts=("GPUXidCritical", "GPUXidWarning"),
        ),
        TimeSeries(
            title="Memory errors",
            description=(
                "Over all GPUs, within an hour. Single-bit errors are corrected; a double-bit one"
                " ends what ran there; a remapped row has been taken out of use."
            ),
            unit="short",
            queries=(
                Query(grown("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL"), "double-bit"),
                Query(grown("DCGM_FI_DEV_ECC_SBE_VOL_TOTAL"), "single-bit"),
                Query(grown("DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS"), "remapped rows"),
                Query(f"sum({_gpu('DCGM_FI_DEV_ROW_REMAP_PENDING')})", "GPUs to be reset"),
                Query(f"sum({_gpu('DCGM_FI_DEV_ROW_REMAP_FAILURE')})", "GPUs to be replaced"),
            ),
            alerts=("GPUDoubleBitErrors", "GPURowRemapFailed", "GPURowRemapPending"),
        ),
        TimeSeries(
            title="GPUs that DCGM sees",
            description="Of each node. A GPU that fell off the bus leaves no other trace.",
            unit="short",
            queries=(
                Query(
                    f"count by (Hostname) ({_gpu('DCGM_FI_DEV_GPU_TEMP')})",
                    "{{Hostname}}",
                ),
            ),
            alerts=("GPULost",),
        ),
        TimeSeries(
            title="Slowed down by heat or power",
            description=(
                "Samples of the last five minutes, of ten, in which a GPU's clocks were lowered by"
                " heat or by its power supply. Empty where that never happened. The line is where"
                " an alert warns."
            ),
            unit="short",
            queries=(
                Query(
                    "max by (Hostname, gpu, clock_event) (DCGM_EXP_CLOCK_EVENTS_COUNT"
                    f'{{{_NODES},clock_event=~"{SLOWED}"}})',
                    "{{Hostname}} {{gpu}} {{clock_event}}",
                ),
            ),
            limits=(Limit(thresholds.gpu.throttled_samples),),
            alerts=("GPUThrottled",),
        ),
    )


def _links(thresholds: Thresholds) -> tuple[Panel, ...]:
    return (
        TimeSeries(
            title="NVLink traffic",
            description=(
                "Sent and received by all GPUs of a node: what tensor and expert parallelism"
                " exchange. With data on one GPU alone it is 0."
            ),
            unit="Bps",
            queries=tuple(
                Query(
                    f"sum by (Hostname) ({_gpu(f'DCGM_FI_PROF_NVLINK_{way}_BYTES')})",
                    f"{name} {{{{Hostname}}}}",
                )
                for way, name in (("TX", "sent"), ("RX", "received"))
            ),
        ),
        TimeSeries(
            title="NVLink errors",
            description=(
                "CRC errors, replays and recoveries in a second, of the worst GPU. The line is"
                " where an alert warns."
            ),
            unit="cps",
            queries=tuple(
                Query(
                    f"max(rate({_gpu(f'DCGM_FI_DEV_NVLINK_{error}_ERROR_COUNT_TOTAL')}[10m:1m]))",
                    error.replace("_", " ").lower(),
                )
                for error in NVLINK_ERRORS
            ),
            limits=(Limit(thresholds.gpu.nvlink_errors_per_s),),
            alerts=("GPUNVLinkErrors", "GPUNVLinkFailed"),
        ),
        TimeSeries(
            title="PCIe traffic",
            description=(
                "Between GPUs and host: weights at start, KV cache that is moved, NCCL to EFA."
            ),
            unit="Bps",
            queries=tuple(
                Query(
                    f"sum by (Hostname) ({_gpu(f'DCGM_FI_PROF_PCIE_{way}_BYTES')})",
                    f"{name} {{{{Hostname}}}}",
                )
                for way, name in (("TX", "sent"), ("RX", "received"))
            ),
        ),
        TimeSeries(
            title="PCIe replays",
            description="What had to be sent twice, in a minute. The line is where an alert warns.",
            unit="cpm",
            queries=(
                Query(
                    f"rate({_gpu('DCGM_FI_DEV_PCIE_REPLAY_COUNTER')}[10m:1m]) * 60",
                    "{{Hostname}} {{gpu}}",
                ),
            ),
            limits=(Limit(thresholds.gpu.pcie_replays_per_min),),
            alerts=("GPUPCIeReplays",),
        ),
    )
