"""One engine, how it is cut over GPUs, and how many of it share a node."""

import math
from dataclasses import dataclass
from typing import Self

from catalog import batch_size, memory_fit, node_capacity, sequence_length
from catalog.assumptions import MAX_NUM_BATCHED_TOKENS, MAX_NUM_SEQS
from catalog.instance_types import GpuInstanceType, instance_type
from catalog.memory_fit import MemoryFit
from catalog.models import Model, model
from catalog.parallel_layout import ParallelLayout, refusals
from stacks.settings import Settings
from stacks.settings.engines import VllmEngine

SHM_GIB = 16
LEAST_CPU = 8
"""What `model_server.shm_gib` is where a file says nothing, and the least that `cpu` may be."""


@dataclass(frozen=True, slots=True)
class Pod:
    """Host memory and cores of one pod of an engine."""

    memory_gib: int
    cpu: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """An engine of vLLM; the names are those of the stack file.

    pod: None to give each pod what it needs at the least, and an even share of the cores.
    """

    model: Model
    instance_type: GpuInstanceType
    layout: ParallelLayout
    max_model_len: int
    gpu_memory_utilization: float = memory_fit.DEFAULT_GPU_MEMORY_UTILIZATION
    min_sequences: int = memory_fit.DEFAULT_MIN_SEQUENCES
    max_num_seqs: int = MAX_NUM_SEQS
    max_num_batched_tokens: int = MAX_NUM_BATCHED_TOKENS
    efa: bool = False
    given_pod: Pod | None = None

    @classmethod
    def of_settings(cls, settings: Settings, engine: VllmEngine) -> Self:
        """As a stack has it; `engine` is that of `settings`."""
        server = settings.model_server
        return cls(
            model=model(server.model),
            instance_type=instance_type(settings.gpu_node_group.instance_type),
            layout=server.layout,
            max_model_len=server.max_model_len,
            gpu_memory_utilization=engine.gpu_memory_utilization,
            min_sequences=server.min_full_length_sequences,
            max_num_seqs=engine.max_num_seqs,
            max_num_batched_tokens=engine.max_num_batched_tokens,
            efa=settings.gpu_node_group.efa.enabled,
            given_pod=Pod(server.memory_gib, server.cpu),
        )

    @property
    def nodes_per_engine(self) -> int:
        """A pipeline stage has a node of its own."""
        return self.layout.pipeline_parallel_size

    @property
    def gpus_per_pod(self) -> int:
        return self.layout.gpus // self.nodes_per_engine

    @property
    def pod(self) -> Pod:
        return self.given_pod or self.least_pod()

    def least_pod(self) -> Pod:
        """Host memory that loading needs, and a share of the cores as of the GPUs."""
        needed = math.ceil(
            memory_fit.host_memory_needed_gib(self.model, gpus=self.gpus_per_pod, shm_gib=SHM_GIB)
        )
        engines = min(
            self.instance_type.gpu_count // self.gpus_per_pod,
            max(1, self._memory_for_pods_gib // needed),
        )
        cores = node_capacity.cpus_for_pods(self.instance_type)
        return Pod(needed, max(LEAST_CPU, cores // engines))

    @property
    def engines_per_node(self) -> int:
        """Engines beside each other on one node; 0 where one takes several, or finds no room."""
        if self.nodes_per_engine > 1:
            return 0
        return self._pods_per_node

    def fit(self) -> MemoryFit:
        return memory_fit.memory_fit(
            self.model,
            self.instance_type,
            self.layout,
            max_model_len=self.max_model_len,
            gpu_memory_utilization=self.gpu_memory_utilization,
            min_sequences=self.min_sequences,
            max_num_batched_tokens=self.max_num_batched_tokens,
            max_num_seqs=self.max_num_seqs,
        )

    def nodes(self, replicas: int) -> int:
        """Nodes that hold `replicas` engines."""
        if self.nodes_per_engine > 1:
            return replicas * self.nodes_per_engine
        return math.ceil(replicas / self.engines_per_node)

    def refusals(self) -> list[tuple[str, object, str]]:
        """(setting, its value, what is allowed) of each that could not start on these nodes."""
        node, layout = self.instance_type, self.layout
        found: list[tuple[str, object, str]] = [
            (each.parameter, each.value, each.allowed) for each in refusals(self.model, layout)
        ]
        if (longest := sequence_length.refusal(self.model, self.max_model_len)) is not None:
            found.append(("max_model_len", self.max_model_len, longest))
        if self.gpus_per_pod > node.gpu_count:
            most = node.gpu_count // layout.tensor_parallel_size
            allowed = f"up to {most} beside tensor_parallel_size {layout.tensor_parallel_size}"
            found.append(("data_parallel_size", layout.data_parallel_size, allowed))
        elif self.nodes_per_engine > 1 and layout.tensor_parallel_size != node.gpu_count:
            allowed = (
                f"{node.gpu_count}, all GPUs of {node.name}, where pipeline_parallel_size is"
                f" {self.nodes_per_engine}: only stages talk across nodes"
            )
            found.append(("tensor_parallel_size", layout.tensor_parallel_size, allowed))
        elif not self._pods_per_node:
            allowed = (
                f"up to {self._memory_for_pods_gib} GiB and"
                f" {node_capacity.cpus_for_pods(node)} cores, what a pod can have of {node.name}"
            )
            found.append(("model", f"{self.pod.memory_gib} GiB, {self.pod.cpu} cores", allowed))
        step = batch_size.refusal(self.max_num_batched_tokens, self.max_num_seqs)
        if step is not None:
            found.append(("max_num_batched_tokens", self.max_num_batched_tokens, step))
        return found

    @property
    def _pods_per_node(self) -> int:
        return min(
            self.instance_type.gpu_count // self.gpus_per_pod,
            self._memory_for_pods_gib // self.pod.memory_gib,
            node_capacity.cpus_for_pods(self.instance_type) // self.pod.cpu,
        )

    @property
    def _memory_for_pods_gib(self) -> int:
        efa = self.efa or self.nodes_per_engine > 1
        return node_capacity.memory_for_pods_gib(self.instance_type, efa=efa)
