"""The scenes that can be played, and the alerts that each must bring."""

from dataclasses import replace

from sandbox.monitoring.gpu_series import Fault, Gpus
from sandbox.monitoring.scene import Scene
from sandbox.monitoring.series import Spread
from sandbox.monitoring.vllm_series import CALM

__all__ = ["SCENES", "Scene"]

_SCENES = (
    Scene("calm", "Two requests a second for each engine, and nothing is wrong."),
    Scene(
        "burst",
        "Four times the traffic: requests queue, and first tokens come late.",
        frozenset(
            {
                "FirstTokenSLOBurnsFast",
                "ModelServerQueueBacklog",
                "ModelServerSlowQueue",
                "ModelServerSlowFirstToken",
            }
        ),
        load=replace(
            CALM,
            requests_per_s=8,
            running=256,
            waiting=80,
            kv_cache_usage_ratio=0.75,
            time_to_first_token_s=Spread(6, 18),
            inter_token_latency_s=Spread(0.045, 0.09),
            queue_time_s=Spread(5, 16),
        ),
    ),
    Scene(
        "kv-full",
        "Long conversations fill the KV cache: vLLM preempts and computes again.",
        frozenset({"HighKVCacheUsage", "KVCachePreemptions"}),
        load=replace(
            CALM,
            running=60,
            waiting=4,
            # At the lowest of the swell it is still full.
            kv_cache_usage_ratio=1.1,
            preemptions_per_s=0.4,
            time_to_first_token_s=Spread(0.3, 0.9),
        ),
    ),
    Scene(
        "stall",
        "A collective of the first engine hangs: it holds requests and makes no step.",
        frozenset({"ModelServerEngineStalled"}),
        first_load=replace(CALM, requests_per_s=0, steps_per_s=0, waiting=10),
    ),
    Scene(
        "errors",
        "Eight requests in a hundred end with an error.",
        frozenset({"AvailabilitySLOBurnsFast", "ModelServerRequestErrors"}),
        load=replace(CALM, error_ratio=0.08),
    ),
    Scene(
        "refusals",
        "Queues are at their limit, and seven requests in a hundred are refused.",
        frozenset({"AvailabilitySLOBurnsFast", "ModelServerRejectsRequests"}),
        load=replace(CALM, waiting=12, rejections_per_s=0.15),
    ),
    Scene(
        "engine-down",
        "The first engine's process is gone: no scrape, no probe.",
        frozenset({"ExpertMetricsAbsent", "ModelServerEnginesMissing", "ModelServerNotReady"}),
        first_engine_up=False,
        # Two engines may take an hour, one after the other, to start.
        lasts_s=4200,
    ),
    Scene(
        "expert-skew",
        "The router sends most tokens to one expert of eight, and none to another.",
        frozenset({"ExpertDead", "ExpertHot"}),
        hot_share=0.6,
        dead_expert=True,
        lasts_s=4800,
    ),
    Scene(
        "gpu-lost",
        "A GPU of the first node falls off the bus.",
        frozenset({"GPULost"}),
        gpus=Gpus(7),
    ),
    Scene(
        "gpu-errors",
        "An NVLink of a GPU fails.",
        frozenset({"GPUNVLinkErrors", "GPUNVLinkFailed", "GPUXidCritical"}),
        gpus=Gpus(
            8,
            (
                Fault("DCGM_EXP_XID_ERRORS_COUNT", 1, "74"),
                Fault("DCGM_EXP_GPU_HEALTH_STATUS", 20, "NVLINK"),
                Fault("DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL", 50),
            ),
        ),
    ),
    Scene(
        "gpu-hot",
        "The cooling of a GPU fails, and it slows down.",
        frozenset({"GPUMemoryHot", "GPUThrottled"}),
        gpus=Gpus(
            8,
            (
                Fault("DCGM_EXP_CLOCK_EVENTS_COUNT", 10, "hw_thermal"),
                Fault("DCGM_FI_DEV_MEMORY_TEMP", 98),
                Fault("DCGM_FI_DEV_GPU_TEMP", 91),
                Fault("DCGM_FI_DEV_SM_CLOCK", 800),
            ),
        ),
    ),
    Scene(
        "efa-unused",
        "NCCL finds no EFA in the image and talks TCP between the nodes.",
        frozenset({"EFAUnused"}),
        uses_efa=False,
    ),
)

SCENES = {scene.name: scene for scene in _SCENES}
"""By name; `calm` first."""
