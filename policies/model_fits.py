"""A model fits in the GPU memory of every node that its server may land on.

The formula is `catalog.memory_fit`, the one that the settings ask; this policy
sees what was really declared, whatever the settings said.
"""

from collections.abc import Iterator, Sequence

from pulumi_policy import PolicyConfigSchema, PolicyResource, Severity, StackValidationPolicy

from catalog.instance_types import INSTANCE_TYPES, GpuInstanceType
from catalog.memory_fit import (
    DEFAULT_GPU_MEMORY_UTILIZATION,
    DEFAULT_MIN_SEQUENCES,
    MemoryFit,
    memory_fit,
    what_would_fit,
)
from catalog.models import MoeModel
from policies.llm_servers import llm_servers
from policies.node_groups import NODE_GROUP, may_have_gpus, of_type
from policies.node_selection import selected_types
from policies.reading import shown
from policies.review import Config, Place, Review, UnreadableError, of_stack, resource
from policies.vllm_flags import (
    GPU_MEMORY_UTILIZATION,
    MAX_MODEL_LEN,
    TENSOR_PARALLEL,
    Flags,
)
from policies.workloads import Container


def _check(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
    sequences = int(config.get("minSequences", DEFAULT_MIN_SEQUENCES))
    for member in resources:
        for container, flags in llm_servers(review, resource(member)):
            with review.reading(container.place):
                if (model := flags.model()) is not None:
                    _check_server(review, container, flags, model, resources, sequences)


def _check_server(
    review: Review,
    container: Container,
    flags: Flags,
    model: MoeModel,
    resources: Sequence[PolicyResource],
    sequences: int,
) -> None:
    if flags.spans_stages_or_nodes() or not flags.weights_as_catalogued():
        review.could_not_check(
            container.place,
            f"whether {model.name} fits: the formula is for 16-bit weights and tensor"
            " parallelism in one pod",
        )
        return
    try:
        max_model_len = flags.whole_number(MAX_MODEL_LEN, model.context_tokens)
    except UnreadableError as error:
        review.refuse(
            container.place,
            found=str(error),
            allowed="a literal number of tokens",
            fix=f"write --{MAX_MODEL_LEN} as a number in args",
        )
        return
    tensor_parallel_size = flags.whole_number(TENSOR_PARALLEL, 1)
    utilization = _utilization(flags)
    nodes = list(_nodes(review, container, resources))
    if not nodes:
        review.could_not_check(
            container.place, f"whether {model.name} fits: the stack has no GPU nodes for it"
        )
    for node, group in nodes:
        fit = memory_fit(
            model,
            node,
            tensor_parallel_size=tensor_parallel_size,
            max_model_len=max_model_len,
            gpu_memory_utilization=utilization,
            min_sequences=sequences,
        )
        if not fit.fits:
            _refuse(review, container.place, fit, group, utilization)


def _refuse(
    review: Review, place: Place, fit: MemoryFit, group: PolicyResource, utilization: float
) -> None:
    review.refuse(
        place,
        found=f"{fit.model.name} with --{TENSOR_PARALLEL} {fit.tensor_parallel_size} on"
        f' {fit.instance_type.name} of node group "{group.name}", which needs'
        f" {fit.needed_gib:.1f} GiB a GPU (weights {fit.weights_gib:.1f}, activations and"
        f" graphs {fit.overhead_gib:.1f}, KV cache of {fit.min_sequences} x"
        f" {fit.max_model_len} tokens)",
        allowed=f"{fit.budget_gib:.1f} GiB a GPU, at utilisation {utilization:g}",
        fix="; or ".join(what_would_fit(fit, utilization)) or "nothing in the catalogue fits it",
    )


def _utilization(flags: Flags) -> float:
    text = flags.text(GPU_MEMORY_UTILIZATION)
    if text is None:
        return DEFAULT_GPU_MEMORY_UTILIZATION
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise UnreadableError(f"--{GPU_MEMORY_UTILIZATION} {shown(text)} is no share of a GPU")
    return share


def _nodes(
    review: Review, container: Container, resources: Sequence[PolicyResource]
) -> Iterator[tuple[GpuInstanceType, PolicyResource]]:
    """GPU nodes of the catalogue that the pod may be scheduled on, each with its node group."""
    for group in of_type(resources, NODE_GROUP):
        place = resource(group).place
        with review.reading(place):
            for name in selected_types(container.pod, group, resources):
                if name in INSTANCE_TYPES:
                    yield INSTANCE_TYPES[name], group
                elif may_have_gpus(name):
                    review.could_not_check(place, f"{shown(name)}, which is not in the catalogue")


POLICY = StackValidationPolicy(
    name="kubernetes-llm-server-model-fits",
    display_name="The model fits in GPU memory",
    description="All experts, activations and the KV cache of a served model fit in the memory"
    " of the GPUs that its server may land on.",
    validate=of_stack(_check),
    severity=Severity.HIGH,
    tags=["eks", "gpu", "kubernetes", "memory", "vllm"],
    remediation_steps="Choose more GPUs, an instance type with larger ones, a smaller"
    f" --{MAX_MODEL_LEN}, or another model; the message says which would fit.",
    url="https://docs.vllm.ai/en/latest/configuration/conserving_memory/",
    config_schema=PolicyConfigSchema(
        properties={
            "minSequences": {
                "type": "integer",
                "description": "Sequences of the greatest length that the KV cache must hold"
                " at once.",
                "minimum": 1,
                "default": DEFAULT_MIN_SEQUENCES,
            }
        }
    ),
)
