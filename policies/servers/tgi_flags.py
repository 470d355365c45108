"""Flags of Hugging Face's Text Generation Inference 3.3 (launcher/src/main.rs).

Each flag is a variable of the container as well, and the flag wins. Without a number of shards it
takes all GPUs that it sees. It knows one way of cutting, tensor parallelism on one node, in which
nobody has a copy of another's key and value heads (server: flash_*_modeling.py).
"""

import re
from types import MappingProxyType
from typing import ClassVar

from catalog.gpu_overhead import Step
from catalog.models import Model
from catalog.parallel_layout import ParallelLayout
from policies.servers.flags import FlagNames
from policies.servers.memory_share import MemoryShare
from policies.servers.server_flags import ServerFlags

NUM_SHARD = "num-shard"
_MODEL = "model-id"
_SHARDED = "sharded"
_MAX_TOTAL_TOKENS = "max-total-tokens"
_MAX_INPUT_TOKENS = "max-input-tokens"
_MAX_INPUT_LENGTH = "max-input-length"
_MAX_PREFILL_TOKENS = "max-batch-prefill-tokens"
_MAX_REQUESTS = "max-concurrent-requests"
_QUANTIZE = "quantize"
_MEMORY_FRACTION = "cuda-memory-fraction"

_USUAL_TOKENS = 4096
_USUAL_REQUESTS = 128
_MORE_PREFILL_TOKENS = 50
_WIGGLE_ROOM = 0.9
"""TGI_WIGGLE_ROOM: of the memory that is free after a prefill (models/flash_causal_lm.py, warmup).
CUDA graphs are made in the rest."""
_DRAIN_S = 90
"""How long the launcher waits for its web server to answer what runs."""
_VISIBLE = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")
_ALL = frozenset({"", "all", "void"})
"""What a runtime writes in place of a list of GPUs."""


class TgiFlags(ServerFlags):
    """What one launcher of TGI was given."""

    __slots__ = ()

    engine: ClassVar = "TGI"
    tensor_parallel: ClassVar = NUM_SHARD
    max_model_len: ClassVar = _MAX_TOTAL_TOKENS
    model_flag: ClassVar = _MODEL
    layout_flags: ClassVar = MappingProxyType({"tensor_parallel_size": NUM_SHARD})
    memory_share: ClassVar = MemoryShare(_MEMORY_FRACTION, usual=1.0, kv_ratio=_WIGGLE_ROOM)
    replicates_kv_heads: ClassVar = False
    most_nodes: ClassVar = 1
    names = FlagNames(
        long=(
            NUM_SHARD,
            _MODEL,
            _SHARDED,
            _MAX_TOTAL_TOKENS,
            _MAX_INPUT_TOKENS,
            _MAX_INPUT_LENGTH,
            _MAX_PREFILL_TOKENS,
            _MAX_REQUESTS,
            _QUANTIZE,
            _MEMORY_FRACTION,
            "dtype",
        ),
        short=MappingProxyType({}),
        switches=frozenset(),
        other_switches=re.compile(r"--(?:disable|json|trust)[-_].+|--ngrok|--env|-e"),
        in_variables=True,
    )

    def layout(self) -> ParallelLayout:
        return ParallelLayout(self.gpus_of_pod())

    def takes_all_gpus(self) -> bool:
        return self._said_shards() is None

    def gpus_of_pod(self) -> int:
        said = self._said_shards()
        return self.surroundings.number_of_gpus() if said is None else said

    def _said_shards(self) -> int | None:
        """Shards by its flags or by the GPUs that it is shown (`find_num_shards`)."""
        if self.text(NUM_SHARD) is not None:
            return self.whole_number(NUM_SHARD, 1)
        if self.text(_SHARDED) == "false":
            return 1
        listed = next(filter(None, map(self.surroundings.variables.get, _VISIBLE)), "")
        # What is not known yet, or is a reference, is a list that a runtime makes.
        if not isinstance(listed, str) or listed in _ALL or "$" in listed:
            return None
        return listed.count(",") + 1

    def sizes(self) -> str:
        if self.text(NUM_SHARD) is not None:
            return f"--{NUM_SHARD} {self.whole_number(NUM_SHARD, 1)}"
        if self.text(_SHARDED) == "false":
            return f"--{_SHARDED} false"
        return f"no --{NUM_SHARD}, so the GPUs that it is shown"

    def longest_sequence(self, model: Model) -> int:
        return self.whole_number(_MAX_TOTAL_TOKENS, min(model.context_tokens, _USUAL_TOKENS))

    def step(self) -> Step:
        longest = self.visible_number(_MAX_INPUT_LENGTH, _USUAL_TOKENS - 1)
        usual = self.visible_number(_MAX_INPUT_TOKENS, longest) + _MORE_PREFILL_TOKENS
        return Step(
            self.visible_number(_MAX_PREFILL_TOKENS, usual),
            self.visible_number(_MAX_REQUESTS, _USUAL_REQUESTS),
        )

    def weights_as_catalogued(self, model: Model) -> bool:
        return self._has_catalogued_width(model, self.visible(_QUANTIZE))

    def drain_s(self) -> int:
        return _DRAIN_S
