"""The GPUs of an engine are cut in a way that it can make of its model, and so are its steps.

What it can is `catalog.parallel_layout`'s, which the settings ask too. Engines themselves refuse
these when a pod starts, on nodes that are paid for by then; only an unbalanced set of experts
vLLM would serve, at the pace of the rank with the hot one.
"""

from pulumi_policy import ResourceValidationPolicy, Severity

from catalog import batch_size
from catalog.models import Model
from catalog.parallel_layout import Refusal
from policies.review import Config, Place, Resource, Review, UnreadableError, of_resource
from policies.servers.llm_servers import llm_servers
from policies.servers.server_flags import ServerFlags
from policies.servers.vllm_flags import (
    EPLB,
    EPLB_CONFIG,
    EXPERT_PARALLEL,
    MAX_NUM_BATCHED_TOKENS_FLAG,
    MAX_NUM_SEQS_FLAG,
    REDUNDANT_EXPERTS,
    VllmFlags,
)

_REDUNDANT = f"{EPLB_CONFIG}.{REDUNDANT_EXPERTS}"


def _check(review: Review, subject: Resource, config: Config) -> None:
    for container, flags in llm_servers(review, subject):
        with review.reading(container.place):
            if isinstance(flags, VllmFlags) and not _is_balanced(review, container.place, flags):
                continue
            if isinstance(flags, VllmFlags):
                _check_batch(review, container.place, flags)
            if (model := flags.model()) is not None:
                _check_layout(review, container.place, flags, model)


def _is_balanced(review: Review, place: Place, flags: VllmFlags) -> bool:
    """What vLLM asks of its load balancer (EPLB), whatever the model; false where it is refused."""
    try:
        redundant = flags.redundant_experts()
    except UnreadableError as error:
        review.refuse(
            place,
            found=str(error),
            allowed="an object of JSON with numbers",
            fix=f"write --{EPLB_CONFIG} as JSON, or its fields as --{_REDUNDANT} N",
        )
        return False
    if flags.is_on(EPLB) and not flags.is_on(EXPERT_PARALLEL):
        review.refuse(
            place,
            found=f"--{EPLB} without --{EXPERT_PARALLEL}",
            allowed="both or none: EPLB moves whole experts between ranks",
            fix=f"add --{EXPERT_PARALLEL}, or leave --{EPLB} out",
        )
        return False
    if redundant and not flags.is_on(EPLB):
        review.refuse(
            place,
            found=f"--{_REDUNDANT} {redundant} without --{EPLB}",
            allowed="0: only EPLB gives copies of experts their work",
            fix=f"add --{EPLB}, or leave the redundant experts out",
        )
        return False
    return True


def _check_batch(review: Review, place: Place, flags: VllmFlags) -> None:
    if flags.visible(MAX_NUM_BATCHED_TOKENS_FLAG) is None:
        return
    step = flags.step()
    allowed = batch_size.refusal(step.max_num_batched_tokens, step.max_num_seqs)
    if allowed is not None:
        review.refuse(
            place,
            found=f"--{MAX_NUM_BATCHED_TOKENS_FLAG} {step.max_num_batched_tokens}",
            allowed=allowed,
            fix=f"raise it, or lower --{MAX_NUM_SEQS_FLAG}",
        )


def _check_layout(review: Review, place: Place, flags: ServerFlags, model: Model) -> None:
    if not flags.is_catalogued_layout():
        review.could_not_check(
            place,
            f"how {model.name} is cut: the catalogue knows no context parallelism, and experts"
            " and attention that are cut over all tensor parallel ranks alone",
        )
        return
    for refusal in flags.refusals(model):
        flag = flags.layout_flags[refusal.parameter]
        review.refuse(
            place,
            found=_found(flag, refusal),
            allowed=refusal.allowed,
            fix=_fix(flags, flag, refusal),
        )


def _found(flag: str, refusal: Refusal) -> str:
    return f"--{flag}" if refusal.parameter == "expert_parallel" else f"--{flag} {refusal.value}"


def _fix(flags: ServerFlags, flag: str, refusal: Refusal) -> str:
    balancer = f", with --{EPLB}" if isinstance(flags, VllmFlags) else ""
    match refusal.parameter:
        case "expert_parallel":
            return f"leave --{flag} out{balancer}"
        case "redundant_experts":
            return f"set --{flag} to one of them{balancer}"
        case _:
            return f"set --{flag} so"


POLICY = ResourceValidationPolicy(
    name="kubernetes-llm-server-layout",
    display_name="The model can be cut over its GPUs",
    description="Tensor, pipeline and expert parallel sizes of a served model are ones that its"
    " engine starts with, and experts that vLLM deals out are balanced.",
    validate=of_resource(_check),
    severity=Severity.HIGH,
    tags=["deepspeed-mii", "gpu", "kubernetes", "moe", "sglang", "tensorrt-llm", "tgi", "vllm"],
    remediation_steps="Choose a tensor parallel size that divides the attention heads, no more"
    f" stages than layers, and --{EXPERT_PARALLEL} with --{EPLB} only for models that EPLB"
    " balances, with experts and copies that divide by the ranks.",
    url="https://docs.vllm.ai/en/latest/serving/expert_parallel_deployment/",
)
