"""The share of GPU memory that vLLM takes lies between two bounds.

Too high, and the first spike of activations or another process on the GPU ends
the server; too low, and the KV cache that is left serves few requests.
"""

import math

from pulumi_policy import PolicyConfigSchema, ResourceValidationPolicy, Severity

from catalog.memory_fit import (
    DEFAULT_GPU_MEMORY_UTILIZATION,
    MAX_GPU_MEMORY_UTILIZATION,
    MIN_GPU_MEMORY_UTILIZATION,
)
from policies.reading import shown
from policies.review import Config, Place, Resource, Review, UnreadableError, of_resource
from policies.servers.llm_servers import vllm_servers
from policies.servers.vllm_flags import GPU_MEMORY_UTILIZATION, VllmFlags


def _check(review: Review, subject: Resource, config: Config) -> None:
    low = config.get("minimum", MIN_GPU_MEMORY_UTILIZATION)
    high = config.get("maximum", MAX_GPU_MEMORY_UTILIZATION)
    for container, flags in vllm_servers(review, subject):
        with review.reading(container.place):
            _check_share(review, container.place, flags, low, high)


def _check_share(review: Review, place: Place, flags: VllmFlags, low: float, high: float) -> None:
    try:
        text = flags.text(GPU_MEMORY_UTILIZATION)
    except UnreadableError as error:
        found, share = str(error), math.nan
    else:
        share = DEFAULT_GPU_MEMORY_UTILIZATION if text is None else _number(text)
        found = f"--{GPU_MEMORY_UTILIZATION} {shown(text)}"
        if text is None:
            found = f"no --{GPU_MEMORY_UTILIZATION}, so vLLM's {share}"
    if not low <= share <= high:
        review.refuse(
            place,
            found=found,
            allowed=f"{low:g} to {high:g}",
            fix=f"set --{GPU_MEMORY_UTILIZATION} to a number in this range",
        )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


POLICY = ResourceValidationPolicy(
    name="kubernetes-llm-server-gpu-memory-utilization",
    display_name="GPU memory utilisation is in range",
    description="vLLM's share of GPU memory leaves room for spikes and is worth its GPU.",
    validate=of_resource(_check),
    severity=Severity.MEDIUM,
    tags=["gpu", "kubernetes", "memory", "vllm"],
    remediation_steps=f"Set --{GPU_MEMORY_UTILIZATION} between {MIN_GPU_MEMORY_UTILIZATION}"
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
