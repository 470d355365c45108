"""The served model."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from catalog import memory_fit, models
from stacks.settings.section import Section

ImageByDigest = Annotated[
    str, StringConstraints(pattern=r"^[^@\s:]+(:\d+)?[^@\s:]*@sha256:[0-9a-f]{64}$")
]
ModelName = Annotated[str, AfterValidator(lambda name: models.model(name).name)]


class ModelServerSettings(Section):
    """One served model: vLLM with tensor parallelism inside a node."""

    model: ModelName
    """Hugging Face id of a model in the catalogue."""
    revision: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
    """Commit of the model repository: weights do not change under a running name."""
    image: ImageByDigest
    """vLLM image by digest, repository@sha256:<64 hex digits>; tags move, digests do not."""
    replicas: Annotated[int, Field(ge=0, le=64)]
    """Number of engines; 0 keeps all but the engines, while the weights are uploaded."""
    tensor_parallel_size: Literal[1, 2, 4, 8]
    """GPUs that share each weight matrix; the pod asks for as many."""
    gpu_memory_utilization: Annotated[
        float,
        Field(ge=memory_fit.MIN_GPU_MEMORY_UTILIZATION, le=memory_fit.MAX_GPU_MEMORY_UTILIZATION),
    ] = memory_fit.DEFAULT_GPU_MEMORY_UTILIZATION
    """Share of a GPU's memory that vLLM takes."""
    max_model_len: Annotated[int, Field(ge=1024)]
    """Longest prompt plus answer, in tokens."""
    max_num_seqs: Annotated[int, Field(ge=1, le=4096)] = 256
    """Most sequences in one batch."""
    min_full_length_sequences: Annotated[int, Field(ge=1)] = memory_fit.DEFAULT_MIN_SEQUENCES
    """Sequences of max_model_len that the KV cache must hold at once; below 8 the policy
    kubernetes-llm-server-model-fits must be told too (minSequences)."""
    cpu: Annotated[int, Field(ge=8)] = 64
    """CPU cores of the pod, requested and limited."""
    memory_gib: Annotated[int, Field(ge=16)]
    """Host memory of the pod, requested and limited."""
    shm_gib: Annotated[int, Field(ge=2, le=256)] = 16
    """/dev/shm, which NCCL and the workers talk through; part of memory_gib."""

    @property
    def server_name(self) -> str:
        """A DNS label; never `vllm`, whose Service would set VLLM_PORT to a URL in every pod."""
        short = self.model.rsplit("/", 1)[-1].lower()
        return "".join(c if c.isalnum() else "-" for c in short)

    @property
    def weights_folder(self) -> str:
        """Where the files are below the prefix: a new revision never overwrites an old one."""
        return f"{self.model}/{self.revision}"
