"""What one GPU needs beside weights and KV cache: libraries, activations, CUDA graphs.

vLLM measures it while it starts, with a step of `max_num_batched_tokens` tokens that samples
`max_num_seqs` of them (0.33, gpu_model_runner.profile_run).
"""

from dataclasses import dataclass

from catalog import gpu_weights
from catalog.assumptions import Assumptions
from catalog.instance_types import GIB
from catalog.models import Model
from catalog.parallel_layout import ParallelLayout

_ACTIVATION_BYTES = 2
_LOGIT_BYTES = 4


@dataclass(frozen=True, slots=True)
class Step:
    """The most that the engine does at once: vLLM's flags of these names."""

    max_num_batched_tokens: int
    max_num_seqs: int


def overhead_gib(
    model: Model, layout: ParallelLayout, stage: int, step: Step, assumptions: Assumptions
) -> float:
    """All of it, on one GPU of `stage`, counted from 0."""
    return (
        non_torch_gib(layout, assumptions)
        + activations_gib(model, layout, stage, step, assumptions)
        + gpu_weights.eplb_buffer_gib(model, layout)
        + assumptions.cuda_graphs_gib
    )


def non_torch_gib(layout: ParallelLayout, assumptions: Assumptions) -> float:
    """What PyTorch does not allocate; stages of a pipeline hardly add to it."""
    if layout.tensor_parallel_size * layout.data_parallel_size == 1:
        return assumptions.cuda_libraries_gib
    return assumptions.cuda_libraries_gib + assumptions.communication_gib


def activations_gib(
    model: Model, layout: ParallelLayout, stage: int, step: Step, assumptions: Assumptions
) -> float:
    """Peak of a step: in a layer, or where the last stage samples; and the experts' workspace."""
    tokens = step.max_num_batched_tokens
    hidden = tokens * model.hidden_size * _ACTIVATION_BYTES
    width = model.shared_intermediate_size if model.is_moe else model.intermediate_size
    # Gate and up projection, and their product.
    inner = 3 * tokens * width / layout.tensor_parallel_size * _ACTIVATION_BYTES
    peak = assumptions.hidden_copies * hidden + inner
    if stage == layout.pipeline_parallel_size - 1:
        # Whole on each GPU, however many share a layer.
        logits = step.max_num_seqs * model.vocabulary * _LOGIT_BYTES
        sampled = assumptions.sampled_hidden_copies * hidden
        peak = max(peak, sampled + assumptions.logits_copies * logits)
    return (peak + _expert_workspace(model, layout, tokens)) / GIB


def _expert_workspace(model: Model, layout: ParallelLayout, tokens: int) -> float:
    """Two buffers that stay (0.33, fused_moe/experts/triton_moe.py: workspace_shapes).

    With expert parallelism the tokens of all data parallel ranks meet, and experts are whole.
    """
    if not model.is_moe:
        return 0
    ranks = 1 if layout.expert_parallel else layout.tensor_parallel_size
    routed = tokens * layout.data_parallel_size * model.experts_per_token
    width = model.intermediate_size / ranks
    buffers = max(2 * width, model.hidden_size) + max(width, model.hidden_size)
    return routed * buffers * _ACTIVATION_BYTES
