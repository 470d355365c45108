"""A model fits in the GPU memory of every node that its server may land on.

The formula is `catalog.memory_fit`, the one that the settings ask; this policy
sees what was really declared, whatever the settings said. Activations of other engines than vLLM
are taken to be vLLM's, which nobody has compared.
"""

from collections.abc import Sequence
from functools import partial

from pulumi_policy import PolicyConfigSchema, PolicyResource, Severity, StackValidationPolicy

from catalog import fit_in_words, sequence_length
from catalog.instance_types import GpuInstanceType
from catalog.memory_fit import DEFAULT_MIN_SEQUENCES, MemoryFit, memory_fit
from catalog.models import Model
from policies.kubernetes.node_selection import gpu_nodes
from policies.kubernetes.workloads import Container
from policies.review import Config, Place, Review, UnreadableError, of_stack, resource
from policies.servers.llm_servers import llm_servers
from policies.servers.server_flags import ServerFlags
from policies.servers.vllm_flags import MAX_MODEL_LEN


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
    flags: ServerFlags,
    model: Model,
    resources: Sequence[PolicyResource],
    sequences: int,
) -> None:
    max_model_len = _max_model_len(review, container.place, flags, model)
    if max_model_len is None:
        return
    if not (flags.is_catalogued_layout() and flags.weights_as_catalogued(model)):
        review.could_not_check(
            container.place,
            f"whether {model.name} fits: the formula is for weights as the catalogue has them, and"
            " for tensor, pipeline, data and expert parallelism",
        )
        return
    if any(flags.refusals(model)):
        # The policy about layouts says which of its sizes cannot be.
        return
    nodes = list(gpu_nodes(review, container.pod.spec, resources))
    if not nodes:
        review.could_not_check(
            container.place, f"whether {model.name} fits: the stack has no GPU nodes for it"
        )
    types = {node.name: node for node, _ in nodes}.values()
    fits = {node.name: _fit(flags, model, node, max_model_len, sequences) for node in types}
    for node, group in nodes:
        fit, utilization = fits[node.name]
        if not fit.fits:
            _refuse(review, container.place, flags, fit, group, utilization)


def _fit(
    flags: ServerFlags, model: Model, node: GpuInstanceType, max_model_len: int, sequences: int
) -> tuple[MemoryFit, float]:
    """The fit on `node`, and the share of a GPU that it is for."""
    step = flags.step()
    fit_at = partial(
        memory_fit,
        model,
        node,
        flags.layout(),
        max_model_len=max_model_len,
        min_sequences=sequences,
        max_num_batched_tokens=step.max_num_batched_tokens,
        max_num_seqs=step.max_num_seqs,
    )
    whole = fit_at(gpu_memory_utilization=1)
    utilization = flags.utilization(
        weights_ratio=whole.weights_gib / whole.budget_gib,
        overhead_ratio=whole.overhead_gib / whole.budget_gib,
    )
    return fit_at(gpu_memory_utilization=utilization), utilization


def _max_model_len(review: Review, place: Place, flags: ServerFlags, model: Model) -> int | None:
    """The longest sequence; None where it is refused."""
    try:
        length = flags.longest_sequence(model)
    except UnreadableError as error:
        review.refuse(
            place,
            found=str(error),
            allowed="a literal number of tokens",
            fix=f"write --{flags.max_model_len} as a number in args",
        )
        return None
    if (allowed := sequence_length.refusal(model, length)) is not None:
        review.refuse(
            place,
            found=f"--{flags.max_model_len} {length}",
            allowed=allowed,
            fix=f"set --{flags.max_model_len} lower, or leave it out",
        )
        return None
    return length


def _refuse(
    review: Review,
    place: Place,
    flags: ServerFlags,
    fit: MemoryFit,
    group: PolicyResource,
    utilization: float,
) -> None:
    review.refuse(
        place,
        found=f"{fit.model.name} on {fit.instance_type.name} of node group"
        f' "{group.name}" with {fit.layout}, which needs {fit.needed_gib:.1f} GiB a GPU'
        f" ({fit_in_words.shares(fit)})",
        allowed=f"{fit.budget_gib:.1f} GiB a GPU, at {_share_in_words(flags, utilization)}",
        fix=fit_in_words.fixes(fit, utilization, most_nodes=flags.most_nodes),
    )


def _share_in_words(flags: ServerFlags, utilization: float) -> str:
    share = flags.memory_share
    if share is None or (share.covers == "everything" and share.kv_ratio == 1):
        return f"utilisation {utilization:g}"
    given = flags.share()
    if given is None:
        return f"most of its memory, where {flags.engine} chooses --{share.flag} itself"
    return f"--{share.flag} {given:g}"


POLICY = StackValidationPolicy(
    name="kubernetes-llm-server-model-fits",
    display_name="The model fits in GPU memory",
    description="All experts, activations and the KV cache of a served model fit in the memory"
    " of the GPUs that its server may land on.",
    validate=of_stack(_check),
    severity=Severity.HIGH,
    tags=["eks", "gpu", "kubernetes", "memory", "sglang", "tensorrt-llm", "tgi", "vllm"],
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
