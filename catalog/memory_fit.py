"""Whether a model fits: the one function that settings, policies and tools ask.

The budget is vLLM's own (0.33, `gpu_worker.determine_available_memory`):

    requested    = visible GPU memory x gpu_memory_utilization
    KV cache     = requested - weights - activations and CUDA graphs
    KV tokens    = KV cache / bytes of one token's keys and values on one GPU

vLLM starts as soon as one sequence of `max_model_len` fits in the KV cache. A
server that holds one sequence is of no use, so a fit here asks for
`min_sequences` of them.
"""

import math
from dataclasses import dataclass

from catalog.instance_types import GIB, INSTANCE_TYPES, GpuInstanceType
from catalog.models import MoeModel

BYTES_PER_PARAMETER = 2
"""bfloat16 weights and keys and values; an A100 has no FP8 arithmetic."""

DEFAULT_GPU_MEMORY_UTILIZATION = 0.92
"""vLLM 0.33's own default."""

MIN_GPU_MEMORY_UTILIZATION = 0.5
"""Below it a GPU that costs as much holds hardly any KV cache."""

MAX_GPU_MEMORY_UTILIZATION = 0.95
"""Above it a spike of activations, or NCCL's buffers, ends the server."""

DEFAULT_MIN_SEQUENCES = 8


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What the formula takes for granted; each can be replaced by a measurement.

    driver_reserved_fraction: share of a GPU's memory that CUDA does not show
        (a 40 GiB A100 reports 39.4 GiB, an 80 GiB one 79.2 GiB).
    activations_and_graphs_gib: peak activations, CUDA graphs and NCCL buffers
        of one GPU; vLLM logs the true figure at start.
    host_overhead_per_gpu_gib: host memory of one worker process (Python, CUDA
        context, pinned buffers).
    """

    driver_reserved_fraction: float = 0.015
    activations_and_graphs_gib: float = 3.0
    host_overhead_per_gpu_gib: float = 4.0


ASSUMPTIONS = Assumptions()


@dataclass(frozen=True, slots=True)
class MemoryFit:
    """The result for one engine: GiB are of one GPU, tokens of the whole engine."""

    model: MoeModel
    instance_type: GpuInstanceType
    tensor_parallel_size: int
    max_model_len: int
    min_sequences: int
    budget_gib: float
    weights_gib: float
    overhead_gib: float
    kv_bytes_per_token: int

    @property
    def kv_cache_gib(self) -> float:
        """Memory left for the KV cache; negative when the weights alone are too large."""
        return self.budget_gib - self.weights_gib - self.overhead_gib

    @property
    def kv_tokens(self) -> int:
        return max(0, math.floor(self.kv_cache_gib * GIB / self.kv_bytes_per_token))

    @property
    def sequences(self) -> float:
        """How many sequences of `max_model_len` tokens the KV cache holds at once."""
        return self.kv_tokens / self.max_model_len

    @property
    def needed_gib(self) -> float:
        kv_gib = self.min_sequences * self.max_model_len * self.kv_bytes_per_token / GIB
        return self.weights_gib + self.overhead_gib + kv_gib

    @property
    def fits(self) -> bool:
        return self.sequences >= self.min_sequences


def kv_bytes_per_token(model: MoeModel, tensor_parallel_size: int) -> int:
    """Bytes that one token's keys and values take on one GPU.

    Past `kv_heads` GPUs the heads are replicated, so more of them save nothing.
    """
    kv_heads_per_gpu = math.ceil(model.kv_heads / tensor_parallel_size)
    return 2 * model.layers * kv_heads_per_gpu * model.head_dim * BYTES_PER_PARAMETER


def memory_fit(
    model: MoeModel,
    instance_type: GpuInstanceType,
    *,
    tensor_parallel_size: int,
    max_model_len: int,
    gpu_memory_utilization: float = DEFAULT_GPU_MEMORY_UTILIZATION,
    min_sequences: int = DEFAULT_MIN_SEQUENCES,
    assumptions: Assumptions = ASSUMPTIONS,
) -> MemoryFit:
    """Fit of one vLLM engine with tensor parallelism inside one node."""
    visible_gib = instance_type.gpu_memory_gib * (1 - assumptions.driver_reserved_fraction)
    return MemoryFit(
        model=model,
        instance_type=instance_type,
        tensor_parallel_size=tensor_parallel_size,
        max_model_len=max_model_len,
        min_sequences=min_sequences,
        budget_gib=visible_gib * gpu_memory_utilization,
        weights_gib=weights_gib(model) / tensor_parallel_size,
        overhead_gib=assumptions.activations_and_graphs_gib,
        kv_bytes_per_token=kv_bytes_per_token(model, tensor_parallel_size),
    )


def weights_gib(model: MoeModel) -> float:
    """All experts' weights, over all GPUs of the engine."""
    return model.parameters * BYTES_PER_PARAMETER / GIB


def host_memory_needed_gib(
    model: MoeModel, *, gpus: int, shm_gib: float, assumptions: Assumptions = ASSUMPTIONS
) -> float:
    """Least memory limit of a pod that loads `model`.

    The page cache of the weight files is charged to the pod while its workers
    read them, /dev/shm counts as its memory, and every worker has its own
    overhead. With less, the kernel evicts pages that the next worker rereads
    from disk, or kills the pod while it loads.
    """
    return weights_gib(model) + shm_gib + gpus * assumptions.host_overhead_per_gpu_gib


def valid_tensor_parallel_sizes(model: MoeModel, instance_type: GpuInstanceType) -> list[int]:
    """Sizes that divide the attention heads and fit in one node."""
    sizes = range(1, instance_type.gpu_count + 1)
    return [
        size
        for size in sizes
        if instance_type.gpu_count % size == 0 and model.attention_heads % size == 0
    ]


def what_would_fit(fit: MemoryFit, gpu_memory_utilization: float) -> list[str]:
    """Single changes that make `fit` a fit, as sentences for an error message."""
    fixes = []
    longest = fit.kv_tokens // fit.min_sequences // 1024 * 1024
    if longest >= 1024:
        fixes.append(f"max_model_len {longest} or less on {fit.instance_type.name}")
    for candidate in INSTANCE_TYPES.values():
        for size in valid_tensor_parallel_sizes(fit.model, candidate):
            if (candidate.name, size) == (fit.instance_type.name, fit.tensor_parallel_size):
                continue
            alternative = memory_fit(
                fit.model,
                candidate,
                tensor_parallel_size=size,
                max_model_len=fit.max_model_len,
                gpu_memory_utilization=gpu_memory_utilization,
                min_sequences=fit.min_sequences,
            )
            if alternative.fits:
                fixes.append(
                    f"{candidate.name} with tensor_parallel_size {size}"
                    f" ({alternative.sequences:.0f} sequences)"
                )
                break
    return fixes
