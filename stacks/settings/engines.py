"""What only one kind of engine has: vLLM, or DeepSpeed-MII."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from catalog import memory_fit
from catalog.assumptions import MAX_NUM_BATCHED_TOKENS, MAX_NUM_SEQS
from catalog.section import Section


class ExpertParallel(Section):
    """Whole experts on each rank instead of a slice of each, balanced while serving (EPLB)."""

    data_parallel_size: Literal[1, 2, 4, 8] = 1
    """Copies of the attention layers, each with a KV cache of its own; the experts are shared by
    tensor_parallel_size x data_parallel_size GPUs, and the pod asks for as many."""
    redundant_experts: Annotated[int, Field(ge=0, le=256)] = 0
    """Copies of hot experts in each layer; experts and copies divide by the GPUs that share
    them."""
    window_steps: Annotated[int, Field(ge=1)] = 1000
    """Steps of the engine whose expert loads count."""
    rearrange_every_steps: Annotated[int, Field(ge=1)] = 3000
    """Steps of the engine between two rearrangements of the experts."""


class VllmEngine(Section):
    """vLLM, on one node or on several."""

    has_metrics: ClassVar[bool] = True

    kind: Literal["vllm"]
    """`vllm`"""
    pipeline_parallel_size: Annotated[int, Field(ge=1)] = 1
    """Stages of the model, up to its layers, each on a node of its own; more than one talk
    through EFA."""
    efa_installer: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")] | None = None
    """Version of the EFA installer in the image (EFA_INSTALLER_VERSION of vLLM's Dockerfile.efa);
    required where the engine spans nodes: the stock image has no EFA libraries."""
    expert_parallel: ExpertParallel | None = None
    """Experts whole on each GPU; none: each GPU has a slice of every expert."""
    expert_metrics: bool = False
    """Whether tokens per expert are counted and exported (docs/how-to/expert-load.md); off, since
    it hooks into vLLM's internals and its cost on a GPU is not measured."""
    gpu_memory_utilization: Annotated[
        float,
        Field(ge=memory_fit.MIN_GPU_MEMORY_UTILIZATION, le=memory_fit.MAX_GPU_MEMORY_UTILIZATION),
    ] = memory_fit.DEFAULT_GPU_MEMORY_UTILIZATION
    """Share of a GPU's memory that vLLM takes."""
    max_num_seqs: Annotated[int, Field(ge=1, le=4096)] = MAX_NUM_SEQS
    """Most sequences in one batch, of each data parallel rank; each takes 14 bytes x the
    vocabulary of every GPU, for its logits."""
    max_num_batched_tokens: Annotated[int, Field(ge=256, le=65536)] = MAX_NUM_BATCHED_TOKENS
    """Most tokens in one step; prompts are cut to it. 2048 is vLLM's own for an A100: more gives
    prompts more of each step, and tokens of running answers wait longer."""
    max_queued_requests: Annotated[int, Field(ge=1)] | None = None
    """Most requests that one engine has at once, waiting or running; others get HTTP 503. None:
    no limit, and a burst makes everybody wait (`moe plan` derives one from a target)."""
    max_queued_tokens: Annotated[int, Field(ge=1)] | None = None
    """Most prompt tokens of requests that wait for their first token; others get HTTP 503. None:
    no limit."""

    @property
    def queue_is_limited(self) -> bool:
        return self.max_queued_requests is not None or self.max_queued_tokens is not None


class DeepSpeedMiiEngine(Section):
    """DeepSpeed-MII (FastGen), for Mixtral-8x7B alone; see docs/how-to/deepspeed-mii.md."""

    has_metrics: ClassVar[bool] = False
    queue_is_limited: ClassVar[bool] = False

    kind: Literal["deepspeed_mii"]
    """`deepspeed_mii`"""


Engine = Annotated[VllmEngine | DeepSpeedMiiEngine, Field(discriminator="kind")]
