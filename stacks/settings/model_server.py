"""The served model."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from catalog import deepspeed_mii, memory_fit, models
from catalog.gpu_overhead import Step
from catalog.parallel_layout import ParallelLayout
from catalog.section import Section
from stacks.settings.autoscaling import Autoscaling
from stacks.settings.engines import DeepSpeedMiiEngine, Engine, VllmEngine
from stacks.settings.section import SecretName, refused

ImageByDigest = Annotated[
    str, StringConstraints(pattern=r"^[^@\s:]+(:\d+)?[^@\s:]*@sha256:[0-9a-f]{64}$")
]
ModelName = Annotated[str, AfterValidator(lambda name: models.model(name).name)]


NAMESPACE = "model-serving"
"""Of the cluster: where the engines are, and nothing else is."""


class ModelServerSettings(Section):
    """One served model, by engines that are all alike."""

    model: ModelName
    """Hugging Face id of a model in the catalogue."""
    revision: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
    """Commit of the model repository: weights do not change under a running name."""
    image: ImageByDigest
    """Image of the engine by digest, repository@sha256:<64 hex digits>; tags move, digests do
    not."""
    engine: Engine = VllmEngine(kind="vllm")
    """The engine; vLLM on one node where the key is left out."""
    replicas: Annotated[int, Field(ge=0, le=64)]
    """Number of engines, the least of them with autoscaling; 0 keeps all but the engines, while
    the weights are uploaded."""
    autoscaling: Autoscaling | None = None
    """More engines under load; none: replicas stays as it is."""
    tensor_parallel_size: Annotated[int, Field(ge=1)]
    """GPUs of one node that share each weight matrix; they divide the attention heads."""
    max_model_len: Annotated[int, Field(ge=1024)]
    """Longest prompt plus answer, in tokens."""
    min_full_length_sequences: Annotated[int, Field(ge=1)] = memory_fit.DEFAULT_MIN_SEQUENCES
    """Sequences of max_model_len that the KV cache must hold at once; below 8 the policy
    kubernetes-llm-server-model-fits must be told too (minSequences)."""
    cpu: Annotated[int, Field(ge=8)] = 64
    """CPU cores of each pod, requested and limited."""
    memory_gib: Annotated[int, Field(ge=16)]
    """Host memory of each pod, requested and limited."""
    shm_gib: Annotated[int, Field(ge=2, le=256)] = 16
    """/dev/shm, which NCCL and the workers talk through; part of memory_gib."""
    drain_s: Annotated[int, Field(ge=10, le=3600)] = 120
    """How long an engine that is told to stop finishes what runs. An answer that takes longer
    is cut off, and a node that is drained waits as long."""
    api_key_secret: SecretName | None = None
    """Name of a Secret in the model's namespace with key `key`: clients must send it as a bearer
    token. None: who reaches the Service may ask."""
    external_secret_store: SecretName | None = None
    """Name of a ClusterSecretStore of the External Secrets Operator, which then writes the
    Secrets named in this file from entries of the same names; none: somebody else writes them."""

    @model_validator(mode="after")
    def _scales_up(self) -> Self:
        if self.autoscaling and not self.replicas:
            raise refused(
                "replicas", 0, "at least 1 with autoscaling: no engine, no metric to scale up by"
            )
        if self.autoscaling and self.autoscaling.max_replicas <= self.replicas:
            raise refused(
                "autoscaling.max_replicas",
                self.autoscaling.max_replicas,
                f"more than replicas {self.replicas}, which is the least",
            )
        return self

    @property
    def server_name(self) -> str:
        """A DNS label; never `vllm`, whose Service would set VLLM_PORT to a URL in every pod."""
        short = self.model.rsplit("/", 1)[-1].lower()
        return "".join(c if c.isalnum() else "-" for c in short)

    @property
    def weights_folder(self) -> str:
        """Where the files are below the prefix: a new revision never overwrites an old one."""
        return f"{self.model}/{self.revision}"

    @property
    def most_replicas(self) -> int:
        return self.autoscaling.max_replicas if self.autoscaling else self.replicas

    @property
    def nodes_per_engine(self) -> int:
        """One pod on each: the stages of a pipeline do not share a node."""
        match self.engine:
            case VllmEngine(pipeline_parallel_size=stages):
                return stages
            case DeepSpeedMiiEngine():
                return 1

    @property
    def counts_experts(self) -> bool:
        return isinstance(self.engine, VllmEngine) and self.engine.expert_metrics

    @property
    def layout(self) -> ParallelLayout:
        experts = self.engine.expert_parallel if isinstance(self.engine, VllmEngine) else None
        return ParallelLayout(
            self.tensor_parallel_size,
            pipeline_parallel_size=self.nodes_per_engine,
            data_parallel_size=experts.data_parallel_size if experts else 1,
            expert_parallel=experts is not None,
            redundant_experts=experts.redundant_experts if experts else 0,
        )

    @property
    def gpus_per_pod(self) -> int:
        return self.layout.gpus // self.nodes_per_engine

    @property
    def gpu_memory_utilization(self) -> float:
        """Share of a GPU that the engine may take for weights, activations and KV cache."""
        match self.engine:
            case VllmEngine(gpu_memory_utilization=share):
                return share
            case DeepSpeedMiiEngine():
                return memory_fit.DEFAULT_GPU_MEMORY_UTILIZATION

    @property
    def step(self) -> Step:
        """The most that the engine does at once, which its activations grow with."""
        match self.engine:
            case VllmEngine(max_num_batched_tokens=tokens, max_num_seqs=sequences):
                return Step(tokens, sequences)
            case DeepSpeedMiiEngine():
                return deepspeed_mii.STEP
