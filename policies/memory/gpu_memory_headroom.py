"""What an engine needs beside its share of GPU memory fits there, for its model and its GPU.

SGLang's share is for weights and KV cache: activations and CUDA graphs, whose size follows from
the model and its cut, come on top (srt/arg_groups/memory_hook.py). vLLM's share has all of them,
but CUDA graphs where VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS is 0, as before 0.21. The more a
GPU has, the larger the share that leaves enough of it. A platform team that has measured sets its
own caps for an instance type or a model.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from pulumi_policy import PolicyConfigSchema, PolicyResource, Severity, StackValidationPolicy

from catalog.instance_types import GpuInstanceType
from catalog.memory_fit import visible_gib
from policies.kubernetes.node_selection import gpu_nodes
from policies.kubernetes.workloads import Container
from policies.quantities import quantity
from policies.reading import child
from policies.review import Config, Review, of_stack, resource
from policies.servers.llm_servers import llm_servers
from policies.servers.memory_share import MemoryShare
from policies.servers.server_flags import ServerFlags

_BY_MODEL = "maximumByModel"
_BY_INSTANCE_TYPE = "maximumByInstanceType"

Cap = tuple[float, str]
"""The largest share, and why."""


def _check(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
    for member in resources:
        for container, flags in llm_servers(review, resource(member)):
            with review.reading(container.place):
                if flags.memory_share is not None:
                    _check_server(review, container, flags, flags.memory_share, resources, config)


def _check_server(
    review: Review,
    container: Container,
    flags: ServerFlags,
    share: MemoryShare,
    resources: Sequence[PolicyResource],
    config: Config,
) -> None:
    given = flags.share()
    if given is None:
        return
    name = model.name if (model := flags.model()) else flags.location()
    caps = list(_configured(config, _BY_MODEL, name))
    beside_gib = 0.0 if model is None else flags.beside_share_gib(model)
    for node, _ in gpu_nodes(review, container.pod.spec, resources):
        caps += _configured(config, _BY_INSTANCE_TYPE, node.name)
        caps += _left_by(node, beside_gib)
    most, why = min(caps, default=(1.0, ""))
    if given > most:
        review.refuse(
            container.place,
            found=f"--{share.flag} {given:g}",
            allowed=f"up to {most:g}: {why}",
            fix=f"set --{share.flag} to {most:g} or less",
        )


def _configured(config: Config, caps: str, name: str | None) -> Iterator[Cap]:
    most: Any = None if name is None else quantity(child(config, caps, name))
    if most is not None:
        yield float(most), f"the cap of {name}"


def _left_by(node: GpuInstanceType, beside_gib: float) -> Iterator[Cap]:
    """In hundredths, as people write shares."""
    if beside_gib:
        yield (
            math.floor((1 - beside_gib / visible_gib(node)) * 100) / 100,
            f"{beside_gib:.1f} GiB of a GPU of {node.name} are for what is beside it"
            " (activations, CUDA graphs)",
        )


_CAPS = {"type": "object", "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1}}

POLICY = StackValidationPolicy(
    name="kubernetes-llm-server-gpu-memory-headroom",
    display_name="What is beside an engine's share of GPU memory fits",
    description="An engine's share of GPU memory leaves what its model needs beside it on the GPUs"
    " that its server may land on.",
    validate=of_stack(_check),
    severity=Severity.HIGH,
    tags=["eks", "gpu", "kubernetes", "memory", "sglang", "tensorrt-llm", "tgi", "vllm"],
    remediation_steps="Lower the engine's share of GPU memory to what the message allows, or take"
    " fewer tokens a step, so that less has to fit beside it.",
    url="https://docs.sglang.io/advanced_features/server_arguments.html",
    config_schema=PolicyConfigSchema(
        properties={
            _BY_MODEL: {
                **_CAPS,
                "description": "Largest share of a GPU's memory for a model, by its Hugging Face"
                " id, or as its server names it.",
            },
            _BY_INSTANCE_TYPE: {
                **_CAPS,
                "description": "Largest share of a GPU's memory on an instance type, by its name.",
            },
        }
    ),
)
