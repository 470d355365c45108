"""Flags of SGLang 0.5.23 (srt/arg_groups/fields, srt/entrypoints/engine.py, cli/serve.py).

--mem-fraction-static is another thing than vLLM's share: it is for weights and KV cache, and
activations and CUDA graphs have to fit beside it. Without it SGLang takes what it thinks they
leave (srt/arg_groups/memory_hook.py).
"""

import math
import re
from types import MappingProxyType
from typing import ClassVar

from catalog.assumptions import ASSUMPTIONS
from catalog.gpu_overhead import Step, overhead_gib
from catalog.models import Model
from catalog.parallel_layout import ParallelLayout
from policies.servers.flags import FlagNames
from policies.servers.memory_share import MemoryShare
from policies.servers.server_flags import ServerFlags

TENSOR_PARALLEL = "tp-size"
MEM_FRACTION = "mem-fraction-static"
_PIPELINE_PARALLEL = "pp-size"
_DATA_PARALLEL = "dp-size"
_EXPERT_PARALLEL = "ep-size"
_ATTENTION_DATA_PARALLEL = "attn-dp-size"
_DATA_PARALLEL_ATTENTION = "enable-dp-attention"
_ATTENTION_CONTEXT_PARALLEL = "attn-cp-size"
_DECODE_CONTEXT_PARALLEL = "dcp-size"
_MOE_DATA_PARALLEL = "moe-dp-size"
_ALL_TO_ALL = "moe-a2a-backend"
_REDUNDANT_EXPERTS = "ep-num-redundant-experts"
_NODES = "nnodes"
_CONTEXT_LENGTH = "context-length"
_MAX_REQUESTS = "max-running-requests"
_PREFILL_TOKENS = "chunked-prefill-size"
_QUANTIZATION = "quantization"
_MODEL = "model-path"

_WHOLE_PREFILL_TOKENS = 16384
"""--max-prefill-tokens, where prompts are not cut."""
_USUAL_PREFILL_TOKENS = 4096
_USUAL_REQUESTS = 160
"""Of a GPU with 40 GiB; one with 80 takes more of both."""


class SglangFlags(ServerFlags):
    """What one SGLang server was given."""

    __slots__ = ()

    engine: ClassVar = "SGLang"
    tensor_parallel: ClassVar = TENSOR_PARALLEL
    max_model_len: ClassVar = _CONTEXT_LENGTH
    model_flag: ClassVar = _MODEL
    layout_flags: ClassVar = MappingProxyType(
        {
            "tensor_parallel_size": TENSOR_PARALLEL,
            "pipeline_parallel_size": _PIPELINE_PARALLEL,
            "expert_parallel": _EXPERT_PARALLEL,
            "redundant_experts": _REDUNDANT_EXPERTS,
        }
    )
    memory_share: ClassVar = MemoryShare(MEM_FRACTION, usual=None, covers="weights_and_kv")
    names = FlagNames(
        long=(
            TENSOR_PARALLEL,
            MEM_FRACTION,
            _PIPELINE_PARALLEL,
            _DATA_PARALLEL,
            _EXPERT_PARALLEL,
            _ATTENTION_DATA_PARALLEL,
            _DATA_PARALLEL_ATTENTION,
            _ATTENTION_CONTEXT_PARALLEL,
            _DECODE_CONTEXT_PARALLEL,
            _MOE_DATA_PARALLEL,
            _ALL_TO_ALL,
            _REDUNDANT_EXPERTS,
            _NODES,
            _CONTEXT_LENGTH,
            _MAX_REQUESTS,
            _PREFILL_TOKENS,
            _QUANTIZATION,
            _MODEL,
            "config",
            "dtype",
        ),
        short=MappingProxyType({}),
        switches=frozenset({_DATA_PARALLEL_ATTENTION}),
        other_switches=re.compile(r"--(?:enable|disable|trust|skip|log|is)[-_].+"),
        aliases=MappingProxyType(
            {
                "tp": TENSOR_PARALLEL,
                "tensor-parallel-size": TENSOR_PARALLEL,
                "pp": _PIPELINE_PARALLEL,
                "pipeline-parallel-size": _PIPELINE_PARALLEL,
                "dp": _DATA_PARALLEL,
                "data-parallel-size": _DATA_PARALLEL,
                "ep": _EXPERT_PARALLEL,
                "expert-parallel-size": _EXPERT_PARALLEL,
                "attention-data-parallel-size": _ATTENTION_DATA_PARALLEL,
                "attention-context-parallel-size": _ATTENTION_CONTEXT_PARALLEL,
                "decode-context-parallel-size": _DECODE_CONTEXT_PARALLEL,
                "moe-data-parallel-size": _MOE_DATA_PARALLEL,
                "model": _MODEL,
            }
        ),
    )

    def layout(self) -> ParallelLayout:
        ranks = self.whole_number(TENSOR_PARALLEL, 1)
        return ParallelLayout(
            ranks,
            pipeline_parallel_size=self.visible_number(_PIPELINE_PARALLEL, 1),
            expert_parallel=ranks > 1 and self._expert_ranks(ranks) == ranks,
            redundant_experts=self.visible_number(_REDUNDANT_EXPERTS, 0, least=0),
        )

    def is_catalogued_layout(self) -> bool:
        """Experts that are dealt out over a part of the ranks, and attention that is cut in
        another way than the rest, are not in the catalogue."""
        ranks = self.whole_number(TENSOR_PARALLEL, 1)
        others = (_ATTENTION_CONTEXT_PARALLEL, _DECODE_CONTEXT_PARALLEL, _MOE_DATA_PARALLEL)
        return (
            self._expert_ranks(ranks) in (1, ranks)
            and self._attention_groups() == 1
            and all(self.visible_number(flag, 1) == 1 for flag in others)
        )

    def _expert_ranks(self, ranks: int) -> int:
        """The backends that send tokens to whole experts take all ranks for it."""
        if self.visible(_ALL_TO_ALL) not in (None, "none"):
            return ranks
        return self.visible_number(_EXPERT_PARALLEL, 1)

    def _attention_groups(self) -> int:
        if self.is_on(_DATA_PARALLEL_ATTENTION):
            return self.visible_number(_DATA_PARALLEL, 1)
        return self.visible_number(_ATTENTION_DATA_PARALLEL, 1)

    def _replicas(self) -> int:
        """Copies of the model: with attention in groups, --dp-size counts the groups."""
        if self.is_on(_DATA_PARALLEL_ATTENTION):
            return 1
        return self.visible_number(_DATA_PARALLEL, 1)

    def gpus_of_pod(self) -> int:
        ranks = self.whole_number(TENSOR_PARALLEL, 1) * self.visible_number(_PIPELINE_PARALLEL, 1)
        return math.ceil(ranks / self.visible_number(_NODES, 1)) * self._replicas()

    def sizes(self) -> str:
        flags = (_PIPELINE_PARALLEL, _DATA_PARALLEL, _NODES)
        given = {flag: self.visible(flag) for flag in flags}
        more = [f"--{flag} {size}" for flag, size in given.items() if size not in (None, "1")]
        return " x ".join([f"--{TENSOR_PARALLEL} {self.whole_number(TENSOR_PARALLEL, 1)}", *more])

    def spans_pods(self) -> bool:
        return self.visible(_NODES) not in (None, "1")

    def pods_of_engine(self) -> int:
        return self.visible_number(_NODES, 1)

    def step(self) -> Step:
        """-1 turns off that prompts are cut."""
        tokens = _WHOLE_PREFILL_TOKENS
        if self.visible(_PREFILL_TOKENS) != "-1":
            tokens = self.visible_number(_PREFILL_TOKENS, _USUAL_PREFILL_TOKENS)
        return Step(tokens, self.visible_number(_MAX_REQUESTS, _USUAL_REQUESTS))

    def beside_share_gib(self, model: Model) -> float:
        layout, step = self.layout(), self.step()
        stages = range(layout.pipeline_parallel_size)
        return max(overhead_gib(model, layout, stage, step, ASSUMPTIONS) for stage in stages)

    def weights_as_catalogued(self, model: Model) -> bool:
        return self._has_catalogued_width(model, self.visible(_QUANTIZATION))
