"""Flags of trtllm-serve, TensorRT-LLM 1.2's own server (tensorrt_llm/commands/serve.py).

--kv_cache_free_gpu_memory_fraction is a share of what weights and activations leave. The file of
--config goes before flags, which it mostly complements: where both are given, flags are read.
"""

import math
import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import ClassVar

from catalog.gpu_overhead import Step
from catalog.models import Model
from catalog.parallel_layout import ParallelLayout, Refusal
from policies.servers.flags import FlagNames
from policies.servers.memory_share import MemoryShare
from policies.servers.server_flags import ServerFlags

_TENSOR_PARALLEL = "tp_size"
_PIPELINE_PARALLEL = "pp_size"
_CONTEXT_PARALLEL = "cp_size"
_EXPERT_PARALLEL = "ep_size"
_CLUSTER = "cluster_size"
_GPUS_PER_NODE = "gpus_per_node"
_MEMORY_FRACTION = "kv_cache_free_gpu_memory_fraction"
_MAX_SEQ_LEN = "max_seq_len"
_MAX_NUM_TOKENS = "max_num_tokens"
_MAX_BATCH_SIZE = "max_batch_size"

_USUAL_NUM_TOKENS = 8192
_USUAL_BATCH_SIZE = 2048
"""Of BuildConfig (tensorrt_llm/builder.py)."""


class TensorRtLlmFlags(ServerFlags):
    """What one trtllm-serve was given."""

    __slots__ = ()

    engine: ClassVar = "TensorRT-LLM"
    tensor_parallel: ClassVar = _TENSOR_PARALLEL
    max_model_len: ClassVar = _MAX_SEQ_LEN
    layout_flags: ClassVar = MappingProxyType(
        {
            "tensor_parallel_size": _TENSOR_PARALLEL,
            "pipeline_parallel_size": _PIPELINE_PARALLEL,
            "expert_parallel": _EXPERT_PARALLEL,
            "expert_parallel_size": _EXPERT_PARALLEL,
        }
    )
    memory_share: ClassVar = MemoryShare(_MEMORY_FRACTION, usual=0.9, covers="kv")
    names = FlagNames(
        long=(
            _TENSOR_PARALLEL,
            _PIPELINE_PARALLEL,
            _CONTEXT_PARALLEL,
            _EXPERT_PARALLEL,
            _CLUSTER,
            _GPUS_PER_NODE,
            _MEMORY_FRACTION,
            _MAX_SEQ_LEN,
            _MAX_NUM_TOKENS,
            _MAX_BATCH_SIZE,
            "config",
        ),
        short=MappingProxyType({}),
        switches=frozenset(),
        other_switches=re.compile(r"--(?:trust_remote_code|enable_.+|fail_fast_.+)"),
        aliases=MappingProxyType(
            {
                "tensor-parallel-size": _TENSOR_PARALLEL,
                "pipeline-parallel-size": _PIPELINE_PARALLEL,
                "context-parallel-size": _CONTEXT_PARALLEL,
                "moe-expert-parallel-size": _EXPERT_PARALLEL,
                "moe-cluster-parallel-size": _CLUSTER,
                "free-gpu-memory-fraction": _MEMORY_FRACTION,
                "extra-llm-api-options": "config",
            }
        ),
    )

    def layout(self) -> ParallelLayout:
        ranks = self.whole_number(_TENSOR_PARALLEL, 1)
        return ParallelLayout(
            ranks,
            pipeline_parallel_size=self.visible_number(_PIPELINE_PARALLEL, 1),
            expert_parallel=ranks > 1 and self.visible_number(_EXPERT_PARALLEL, 1) == ranks,
        )

    def is_catalogued_layout(self) -> bool:
        """Experts that are dealt out over a part of the ranks are not in the catalogue."""
        ranks = self.whole_number(_TENSOR_PARALLEL, 1)
        others = (_CONTEXT_PARALLEL, _CLUSTER)
        return self.visible_number(_EXPERT_PARALLEL, 1) in (1, ranks) and all(
            self.visible_number(flag, 1) == 1 for flag in others
        )

    def refusals(self, model: Model) -> Iterator[Refusal]:
        """It has no flag for copies of experts, so that only fewer ranks help."""
        for refusal in super().refusals(model):
            if refusal.parameter == "redundant_experts":
                size = self.layout().expert_parallel_size
                even = f"a number that divides the {model.experts} experts of {model.name}"
                yield Refusal("expert_parallel_size", size, even)
            else:
                yield refusal

    def _ranks(self) -> int:
        ranks = self.whole_number(_TENSOR_PARALLEL, 1)
        for flag in (_PIPELINE_PARALLEL, _CONTEXT_PARALLEL):
            ranks *= self.visible_number(flag, 1)
        return ranks

    def gpus_of_pod(self) -> int:
        ranks = self._ranks()
        return math.ceil(ranks / math.ceil(ranks / self.visible_number(_GPUS_PER_NODE, ranks)))

    def spans_pods(self) -> bool:
        ranks = self._ranks()
        return self.visible_number(_GPUS_PER_NODE, ranks) < ranks

    def sizes(self) -> str:
        flags = (_PIPELINE_PARALLEL, _CONTEXT_PARALLEL, _GPUS_PER_NODE)
        given = {flag: self.visible(flag) for flag in flags}
        more = [f"--{flag} {size}" for flag, size in given.items() if size not in (None, "1")]
        return " x ".join([f"--{_TENSOR_PARALLEL} {self.whole_number(_TENSOR_PARALLEL, 1)}", *more])

    def step(self) -> Step:
        return Step(
            self.visible_number(_MAX_NUM_TOKENS, _USUAL_NUM_TOKENS),
            self.visible_number(_MAX_BATCH_SIZE, _USUAL_BATCH_SIZE),
        )

    def weights_as_catalogued(self, model: Model) -> bool:
        """It loads weights as they are, and has no flag that says otherwise."""
        return True
