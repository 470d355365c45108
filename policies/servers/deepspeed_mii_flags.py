"""Flags of a DeepSpeed-MII server (0.3.3: mii/entrypoints/openai_api_server.py)."""

import re
from types import MappingProxyType
from typing import ClassVar

from catalog import deepspeed_mii
from catalog.gpu_overhead import Step
from catalog.models import Model
from catalog.parallel_layout import ParallelLayout
from policies.servers.flags import FlagNames
from policies.servers.server_flags import ServerFlags

_MODEL = "model"
_TENSOR_PARALLEL = "tensor-parallel"
_REPLICAS = "replica-num"
_MAX_LENGTH = "max-length"


class MiiFlags(ServerFlags):
    """What one DeepSpeed-MII server was given: its replicas share a pod, and nothing else."""

    __slots__ = ()

    engine: ClassVar = "DeepSpeed-MII"
    tensor_parallel: ClassVar = _TENSOR_PARALLEL
    max_model_len: ClassVar = _MAX_LENGTH
    layout_flags: ClassVar = MappingProxyType({"tensor_parallel_size": _TENSOR_PARALLEL})
    most_nodes: ClassVar = 1
    names = FlagNames(
        long=(_MODEL, _TENSOR_PARALLEL, _REPLICAS, _MAX_LENGTH),
        short=MappingProxyType({}),
        switches=frozenset(),
        other_switches=re.compile(r"--(?:allow[-_]credentials|ssl)"),
    )

    def location(self) -> str | None:
        return self.text(_MODEL)

    def layout(self) -> ParallelLayout:
        return ParallelLayout(self.whole_number(_TENSOR_PARALLEL, 1))

    def step(self) -> Step:
        return deepspeed_mii.STEP

    def gpus_of_pod(self) -> int:
        return self.whole_number(_TENSOR_PARALLEL, 1) * self.visible_number(_REPLICAS, 1)

    def sizes(self) -> str:
        tensor_parallel = f"--{_TENSOR_PARALLEL} {self.whole_number(_TENSOR_PARALLEL, 1)}"
        replicas = self.visible_number(_REPLICAS, 1)
        return f"{tensor_parallel} x --{_REPLICAS} {replicas}" if replicas > 1 else tensor_parallel

    def weights_as_catalogued(self, model: Model) -> bool:
        """MII loads weights as they are, and has no flag that says otherwise."""
        return True
