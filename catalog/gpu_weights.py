"""What one GPU of an engine holds of a model: its share of the weights, and a token's KV bytes."""

import math

from catalog.instance_types import GIB
from catalog.models import Model
from catalog.models.model import SIXTEEN_BITS
from catalog.parallel_layout import ParallelLayout

KV_BYTES = 2
"""bfloat16 keys and values; vLLM's FP8 KV cache needs a newer GPU than an A100."""


def layers_of_stages(layers: int, stages: int) -> list[int]:
    """Layers of each pipeline stage, as vLLM spreads them (distributed/utils.get_pp_indices)."""
    each, remaining = divmod(layers, stages)
    spread = [each] * stages
    for i in range(2, remaining + 2):
        spread[-i] += 1
    return spread


def kv_bytes_per_token(model: Model, tensor_parallel_size: int, *, layers: int) -> int:
    """Bytes that one token's keys and values of `layers` layers take on one GPU.

    Past `kv_heads` GPUs the heads are replicated, so more of them save nothing.
    """
    kv_heads = _kv_heads_per_gpu(model, tensor_parallel_size)
    return 2 * layers * kv_heads * model.head_dim * KV_BYTES


def stage_weights_gib(model: Model, layout: ParallelLayout, stage: int) -> float:
    """Weights on one GPU of `stage`, counted from 0.

    Tensor parallel ranks share attention, shared experts and embeddings; each has the whole
    router. Experts are cut over the same ranks, or dealt out whole with expert parallelism.
    """
    ranks = layout.tensor_parallel_size
    stages = layout.pipeline_parallel_size
    matrices = (
        model.query_parameters / ranks
        + model.kv_parameters(_kv_heads_per_gpu(model, ranks))
        + model.shared_expert_parameters / ranks
        + _experts_per_gpu(model, layout) * model.expert_parameters
    )
    layers = layers_of_stages(model.layers, stages)[stage]
    has_input, has_output = stage == 0, stage == stages - 1
    embeddings = has_input + has_output
    if model.tied_embeddings and has_input and has_output:
        embeddings = 1
    sixteen_bits = layers * model.router_parameters
    sixteen_bits += embeddings * math.ceil(model.embedding_parameters / ranks)
    return (layers * matrices * model.bytes_per_parameter + sixteen_bits * SIXTEEN_BITS) / GIB


def eplb_buffer_gib(model: Model, layout: ParallelLayout) -> float:
    """Experts of one layer on their way between ranks (eplb_state.py: expert_buffer)."""
    if not layout.expert_parallel:
        return 0
    parameters = _experts_per_gpu(model, layout) * model.expert_parameters
    return parameters * model.bytes_per_parameter / GIB


def _kv_heads_per_gpu(model: Model, tensor_parallel_size: int) -> int:
    return math.ceil(model.kv_heads / tensor_parallel_size)


def _experts_per_gpu(model: Model, layout: ParallelLayout) -> float:
    if layout.expert_parallel:
        experts = model.experts + layout.redundant_experts
        return math.ceil(experts / layout.expert_parallel_size)
    # Data parallel ranks, too, share the slices of experts (vLLM: fused_moe/config.py).
    copies = layout.data_parallel_size if model.is_moe else 1
    return model.experts / (layout.tensor_parallel_size * copies)
