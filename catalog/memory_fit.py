"""Whether a model fits: the one function that settings, policies and the planner ask.

The budget is vLLM's own (0.33, `gpu_worker.determine_available_memory`):

    requested    = visible GPU memory x gpu_memory_utilization
    KV cache     = requested - weights - libraries, activations and CUDA graphs
    KV tokens    = KV cache / bytes of one token's keys and values on one GPU

Every GPU has the same budget, so the stage of the pipeline with the least room decides.
vLLM starts as soon as one sequence of `max_model_len` fits in the KV cache. A
server that holds one sequence is of no use, so a fit here asks for
`min_sequences` of them. How far the figures are from logs of running servers is in
docs/memory-fit.md.
"""

import math
from dataclasses import dataclass
from functools import partial

from catalog import gpu_weights
from catalog.assumptions import (
    ASSUMPTIONS,
    MAX_NUM_BATCHED_TOKENS,
    MAX_NUM_SEQS,
    Assumptions,
)
from catalog.gpu_overhead import Step, overhead_gib
from catalog.instance_types import GIB, INSTANCE_TYPES, GpuInstanceType
from catalog.models import Model
from catalog.parallel_layout import ParallelLayout, refusals

DEFAULT_GPU_MEMORY_UTILIZATION = 0.92
"""vLLM 0.33's own default."""

MIN_GPU_MEMORY_UTILIZATION = 0.5
"""Below it a GPU that costs as much holds hardly any KV cache."""

MAX_GPU_MEMORY_UTILIZATION = 0.95
"""Above it a spike of activations, or NCCL's buffers, ends the server."""

DEFAULT_MIN_SEQUENCES = 8

MOST_NODES_ADVISED = 4


@dataclass(frozen=True, slots=True)
class MemoryFit:
    """The result for one engine: GiB are of one GPU of the fullest stage, tokens of the engine."""

    model: Model
    instance_type: GpuInstanceType
    layout: ParallelLayout
    max_model_len: int
    min_sequences: int
    step: Step
    budget_gib: float
    weights_gib: float
    overhead_gib: float
    kv_bytes_per_token: int

    @property
    def kv_cache_gib(self) -> float:
        """Memory left for the KV cache; negative when the weights alone are too large."""
        return self.budget_gib - self.weights_gib - self.overhead_gib

    @property
    def kv_tokens_per_rank(self) -> int:
        """Tokens in the KV cache of one data parallel rank: each has its own scheduler."""
        return max(0, math.floor(self.kv_cache_gib * GIB / self.kv_bytes_per_token))

    @property
    def kv_tokens(self) -> int:
        return self.kv_tokens_per_rank * self.layout.data_parallel_size

    @property
    def sequences(self) -> float:
        """How many sequences of `max_model_len` tokens the KV cache holds at once."""
        return self.kv_tokens / self.max_model_len

    @property
    def needed_gib(self) -> float:
        tokens = self.min_sequences_per_rank * self.max_model_len
        return self.weights_gib + self.overhead_gib + tokens * self.kv_bytes_per_token / GIB

    @property
    def min_sequences_per_rank(self) -> int:
        return math.ceil(self.min_sequences / self.layout.data_parallel_size)

    @property
    def fits(self) -> bool:
        return self.kv_tokens_per_rank >= self.min_sequences_per_rank * self.max_model_len


def memory_fit(
    model: Model,
    instance_type: GpuInstanceType,
    layout: ParallelLayout,
    *,
    max_model_len: int,
    gpu_memory_utilization: float = DEFAULT_GPU_MEMORY_UTILIZATION,
    min_sequences: int = DEFAULT_MIN_SEQUENCES,
    max_num_batched_tokens: int = MAX_NUM_BATCHED_TOKENS,
    max_num_seqs: int = MAX_NUM_SEQS,
    assumptions: Assumptions = ASSUMPTIONS,
) -> MemoryFit:
    """Fit of one engine on GPUs of `instance_type`.

    `max_num_batched_tokens` and `max_num_seqs` are vLLM's flags: what a step takes at most.
    """
    step = Step(max_num_batched_tokens, max_num_seqs)
    visible = visible_gib(instance_type, assumptions)
    stages = [
        MemoryFit(
            model=model,
            instance_type=instance_type,
            layout=layout,
            max_model_len=max_model_len,
            min_sequences=min_sequences,
            step=step,
            budget_gib=visible * gpu_memory_utilization,
            weights_gib=gpu_weights.stage_weights_gib(model, layout, stage),
            overhead_gib=overhead_gib(model, layout, stage, step, assumptions),
            kv_bytes_per_token=gpu_weights.kv_bytes_per_token(
                model, layout.tensor_parallel_size, layers=layers
            ),
        )
        for stage, layers in enumerate(
            gpu_weights.layers_of_stages(model.layers, layout.pipeline_parallel_size)
        )
    ]
    return min(stages, key=lambda stage: stage.kv_cache_gib / stage.kv_bytes_per_token)


def visible_gib(instance_type: GpuInstanceType, assumptions: Assumptions = ASSUMPTIONS) -> float:
    """What CUDA shows of one GPU's memory."""
    return instance_type.gpu_memory_gib * (1 - assumptions.driver_reserved_fraction)


def weights_gib(model: Model) -> float:
    """All experts' weights once, as they are on disk."""
    return model.weights_bytes / GIB


def host_memory_needed_gib(
    model: Model, *, gpus: int, shm_gib: float, assumptions: Assumptions = ASSUMPTIONS
) -> float:
    """Least memory limit of a pod that loads `model` on `gpus` of its own.

    The page cache of the weight files is charged to the pod while its workers
    read them, /dev/shm counts as its memory, and every worker has its own
    overhead. With less, the kernel evicts pages that the next worker rereads
    from disk, or kills the pod while it loads. A pod of one stage of a pipeline reads all
    files as well: each has layers of every stage.
    """
    return weights_gib(model) + shm_gib + gpus * assumptions.host_overhead_per_gpu_gib


def layouts_in_one_node(model: Model, instance_type: GpuInstanceType) -> list[ParallelLayout]:
    """Tensor parallel sizes that divide the attention heads, the smallest first."""
    sizes = range(1, instance_type.gpu_count + 1)
    layouts = [ParallelLayout(n) for n in sizes if instance_type.gpu_count % n == 0]
    return [layout for layout in layouts if not any(refusals(model, layout))]


def layouts_across_nodes(
    model: Model, instance_type: GpuInstanceType, *, most_nodes: int
) -> list[ParallelLayout]:
    """A pipeline stage on each of two nodes or more, tensor parallel inside each."""
    layouts = [
        ParallelLayout(instance_type.gpu_count, pipeline_parallel_size=nodes)
        for nodes in range(2, most_nodes + 1)
    ]
    return [layout for layout in layouts if not any(refusals(model, layout))]


def fits_by_layout(
    model: Model, instance_type: GpuInstanceType, *, max_model_len: int
) -> list[MemoryFit]:
    """The fit in each layout of one node, the fewest GPUs first; across nodes where none fits.

    Without expert parallelism, which moves experts about but hardly changes their memory.
    """
    fit = partial(memory_fit, model, instance_type, max_model_len=max_model_len)
    inside = [fit(each) for each in layouts_in_one_node(model, instance_type)]
    if any(each.fits for each in inside):
        return inside
    across = layouts_across_nodes(model, instance_type, most_nodes=MOST_NODES_ADVISED)
    return inside + [fit(each) for each in across]


def what_would_fit(
    fit: MemoryFit, gpu_memory_utilization: float, *, most_nodes: int = MOST_NODES_ADVISED
) -> list[str]:
    """Single changes that make `fit` a fit, as sentences for an error message."""
    fixes = []
    longest = fit.kv_tokens_per_rank // fit.min_sequences_per_rank // 1024 * 1024
    if longest >= 1024:
        fixes.append(f"max_model_len {longest} or less on {fit.instance_type.name}")
    for candidate in INSTANCE_TYPES.values():
        layouts = layouts_in_one_node(fit.model, candidate)
        if candidate is fit.instance_type:
            layouts += layouts_across_nodes(fit.model, candidate, most_nodes=most_nodes)
        for layout in layouts:
            if (candidate, layout) == (fit.instance_type, fit.layout):
                continue
            alternative = memory_fit(
                fit.model,
                candidate,
                layout,
                max_model_len=fit.max_model_len,
                gpu_memory_utilization=gpu_memory_utilization,
                min_sequences=fit.min_sequences,
                max_num_batched_tokens=fit.step.max_num_batched_tokens,
                max_num_seqs=fit.step.max_num_seqs,
            )
            if alternative.fits:
                fixes.append(_as_fix(alternative, fit.layout))
                break
    return fixes


def _as_fix(fit: MemoryFit, was: ParallelLayout) -> str:
    sizes = f"tensor_parallel_size {fit.layout.tensor_parallel_size}"
    if was.expert_parallel:
        sizes += " and no expert parallelism"
    nodes = fit.layout.pipeline_parallel_size
    where = f"{nodes} nodes of {fit.instance_type.name}" if nodes > 1 else fit.instance_type.name
    return f"{where} with {sizes} ({fit.sequences:.0f} sequences)"
