"""How one engine is cut over GPUs, and which cuts vLLM can make of a model.

Settings and policies refuse in the words of this module. vLLM itself would refuse each of
these too, but only when a pod starts (0.33: config/model.py, config/parallel.py,
layers/fused_moe/layer.py), on nodes that are paid for by then.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial

from catalog.models import Model

BALANCED_ARCHITECTURES = frozenset({"MixtralForCausalLM", "Qwen3MoeForCausalLM"})
"""Those of `catalog.models.hugging_face` that implement `MixtureOfExperts` in vLLM 0.33
(model_executor/models), which its expert-parallel load balancer (EPLB) works on."""


@dataclass(frozen=True, slots=True)
class ParallelLayout:
    """GPUs of one engine: tensor x pipeline x data parallel ranks.

    With `expert_parallel` each of the tensor x data parallel ranks of a stage holds whole
    experts, `redundant_experts` of them twice; without it each holds a slice of every expert.
    """

    tensor_parallel_size: int
    pipeline_parallel_size: int = 1
    data_parallel_size: int = 1
    expert_parallel: bool = False
    redundant_experts: int = 0

    @property
    def gpus(self) -> int:
        return self.tensor_parallel_size * self.pipeline_parallel_size * self.data_parallel_size

    @property
    def expert_parallel_size(self) -> int:
        """Ranks that share the experts of a layer (vLLM: EP = TP x DP)."""
        return self.tensor_parallel_size * self.data_parallel_size if self.expert_parallel else 1

    def __str__(self) -> str:
        parts = [f"TP {self.tensor_parallel_size}"]
        if self.pipeline_parallel_size > 1:
            parts.append(f"PP {self.pipeline_parallel_size}")
        if self.data_parallel_size > 1:
            parts.append(f"DP {self.data_parallel_size}")
        if self.expert_parallel:
            parts.append(f"EP {self.expert_parallel_size}")
        return " x ".join(parts)


@dataclass(frozen=True, slots=True)
class Refusal:
    """`parameter` of a layout, its value, and what would be allowed."""

    parameter: str
    value: object
    allowed: str


def refusals(
    model: Model,
    layout: ParallelLayout,
    *,
    balanced: Collection[str] | None = BALANCED_ARCHITECTURES,
    replicates_kv_heads: bool = True,
) -> Iterator[Refusal]:
    """Why vLLM could not start `model` in this layout; nothing where it could.

    Other engines cut alike. `balanced` are architectures whose experts the engine has to be able
    to balance, None for an engine that deals out any.
    """
    size = layout.tensor_parallel_size
    cut_through = partial(
        _cut_through,
        model,
        whole_experts=layout.expert_parallel,
        replicates_kv_heads=replicates_kv_heads,
    )
    if broken := next(cut_through(size), None):
        even = [str(n) for n in (1, 2, 4, 8) if not any(cut_through(n))]
        yield Refusal(
            "tensor_parallel_size",
            size,
            f"{', '.join(even)}, which divide {broken} of {model.name}",
        )
    if layout.pipeline_parallel_size > model.layers:
        yield Refusal(
            "pipeline_parallel_size",
            layout.pipeline_parallel_size,
            f"up to {model.layers}, the layers of {model.name}",
        )
    if layout.expert_parallel:
        yield from _expert_refusals(model, layout, balanced)


def _cut_through(
    model: Model, ranks: int, *, whole_experts: bool, replicates_kv_heads: bool
) -> Iterator[str]:
    """What `ranks` tensor parallel ranks cannot share evenly.

    Key and value heads are replicated past their number; a group of quantised weights that
    lies across two ranks has no kernel (marlin_utils.py: check_marlin_supports_layer).
    """
    if model.attention_heads % ranks:
        yield f"the {model.attention_heads} attention heads"
    kv_heads = model.kv_heads
    if not replicates_kv_heads and kv_heads % ranks:
        yield f"the {kv_heads} key and value heads"
    elif max(kv_heads, ranks) % min(kv_heads, ranks):
        yield f"the {kv_heads} key and value heads, or are a multiple of them,"
    widths = {"query width": model.attention_heads * model.head_dim}
    if not whole_experts:
        widths["intermediate_size"] = model.intermediate_size
    if model.shared_intermediate_size:
        widths["shared_intermediate_size"] = model.shared_intermediate_size
    group = (model.quantization.group_size if model.quantization else None) or 1
    for what, width in widths.items():
        if width % (ranks * group):
            yield f"the {what} {width}{f' in groups of {group}' if group > 1 else ''}"


def _expert_refusals(
    model: Model, layout: ParallelLayout, balanced: Collection[str] | None
) -> Iterator[Refusal]:
    if not model.is_moe:
        yield Refusal("expert_parallel", "on", f"none: {model.name} has no experts")
        return
    if balanced is not None and model.architecture not in balanced:
        yield Refusal(
            "expert_parallel",
            "on",
            f"none: vLLM's EPLB cannot balance {model.architecture}, and without it the rank"
            " with the hot expert sets the pace of all",
        )
        return
    ranks = layout.expert_parallel_size
    if ranks == 1:
        yield Refusal("expert_parallel", "on", "more than one GPU: tensor or data parallel")
        return
    if (model.experts + layout.redundant_experts) % ranks:
        fitting = -model.experts % ranks
        yield Refusal(
            "redundant_experts",
            layout.redundant_experts,
            f"{fitting}, {fitting + ranks}, {fitting + 2 * ranks}, ...: {ranks} ranks share the"
            f" {model.experts} experts of {model.name} and their copies evenly",
        )
