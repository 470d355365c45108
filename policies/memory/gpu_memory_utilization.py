"""The share of GPU memory that an engine takes lies between two bounds.

Too high, and the first spike of activations or another process on the GPU ends the server;
too low, and the KV cache that is left serves few requests. Engines mean different things by it
(`policies/servers/memory_share.py`). What has to fit beside the share of one model on one GPU is
for `gpu_memory_headroom` to say.
"""

import math

from pulumi_policy import PolicyConfigSchema, ResourceValidationPolicy, Severity

from catalog.memory_fit import MAX_GPU_MEMORY_UTILIZATION, MIN_GPU_MEMORY_UTILIZATION
from policies.reading import shown
from policies.review import Config, Place, Resource, Review, UnreadableError, of_resource
from policies.servers.llm_servers import llm_servers
from policies.servers.memory_share import MemoryShare
from policies.servers.server_flags import ServerFlags


def _check(review: Review, subject: Resource, config: Config) -> None:
    low = config.get("minimum", MIN_GPU_MEMORY_UTILIZATION)
    high = config.get("maximum", MAX_GPU_MEMORY_UTILIZATION)
    for container, flags in llm_servers(review, subject):
        with review.reading(container.place):
            if flags.memory_share is not None:
                _check_share(review, container.place, flags, flags.memory_share, low, high)


def _check_share(
    review: Review,
    place: Place,
    flags: ServerFlags,
    share: MemoryShare,
    low: float,
    high: float,
) -> None:
    if share.kv_ratio < 1:
        high = 1.0
    try:
        text = flags.text(share.flag)
    except UnreadableError as error:
        found, number = str(error), math.nan
    else:
        if text is not None:
            found, number = f"--{share.flag} {shown(text)}", _number(text)
        elif share.usual is not None:
            found, number = f"no --{share.flag}, so {flags.engine}'s {share.usual:g}", share.usual
        else:
            return
    if not low <= number <= high:
        review.refuse(
            place,
            found=found,
            allowed=f"{low:g} to {high:g}",
            fix=f"set --{share.flag} to a number in this range",
        )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


POLICY = ResourceValidationPolicy(
    name="kubernetes-llm-server-gpu-memory-utilization",
    display_name="GPU memory utilisation is in range",
    description="An engine's share of GPU memory leaves room for spikes and is worth its GPU.",
    validate=of_resource(_check),
    severity=Severity.MEDIUM,
    tags=["gpu", "kubernetes", "memory", "sglang", "tensorrt-llm", "tgi", "vllm"],
    remediation_steps="Set the engine's share of GPU memory (--gpu-memory-utilization of vLLM,"
    " --mem-fraction-static of SGLang, --cuda-memory-fraction of TGI,"
    f" --kv_cache_free_gpu_memory_fraction of TensorRT-LLM) between {MIN_GPU_MEMORY_UTILIZATION}"
    f" and {MAX_GPU_MEMORY_UTILIZATION}.",
    url="https://docs.vllm.ai/en/latest/configuration/conserving_memory/",
    config_schema=PolicyConfigSchema(
        properties={
            "minimum": {
                "type": "number",
                "description": "Smallest share of a GPU's memory.",
                "minimum": 0,
                "maximum": 1,
                "default": MIN_GPU_MEMORY_UTILIZATION,
            },
            "maximum": {
                "type": "number",
                "description": "Largest share of a GPU's memory.",
                "minimum": 0,
                "maximum": 1,
                "default": MAX_GPU_MEMORY_UTILIZATION,
            },
        }
    ),
)
