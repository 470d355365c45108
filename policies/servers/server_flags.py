"""What policies ask about a server, whichever engine it runs."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import ClassVar

from catalog.gpu_overhead import Step
from catalog.memory_fit import (
    DEFAULT_GPU_MEMORY_UTILIZATION,
    MAX_GPU_MEMORY_UTILIZATION,
    MOST_NODES_ADVISED,
)
from catalog.models import MODELS, Model
from catalog.parallel_layout import ParallelLayout, Refusal, refusals
from policies.reading import shown
from policies.review import UnreadableError
from policies.servers.flags import Flags, is_flag, known_word
from policies.servers.memory_share import MemoryShare
from policies.servers.served_models import catalogued

_SIXTEEN_BITS = (None, "auto", "bfloat16", "float16", "half")


class ServerFlags(Flags, ABC):
    """Flags of one server, and what is so of its engine.

    `tensor_parallel` and `max_model_len` are what the engine calls them; `layout_flags` is which
    flag a parameter of a layout is, where the engine has one.
    """

    __slots__ = ()

    engine: ClassVar[str]
    tensor_parallel: ClassVar[str]
    max_model_len: ClassVar[str]
    model_flag: ClassVar[str | None] = None
    layout_flags: ClassVar[Mapping[str, str]] = MappingProxyType({})
    memory_share: ClassVar[MemoryShare | None] = None
    balanced: ClassVar[frozenset[str] | None] = None
    """Architectures whose experts the engine has to balance; None where it serves others too."""
    replicates_kv_heads: ClassVar[bool] = True
    """Whether more GPUs than key and value heads each have a copy of one."""
    most_nodes: ClassVar[int] = MOST_NODES_ADVISED
    """Nodes that a fix may spread one engine over; 1 where it cannot span several."""

    def model(self) -> Model | None:
        """The served model, where the catalogue has it: by its name or as a path to it."""
        location = self.location()
        return None if location is None else catalogued(location)

    @abstractmethod
    def layout(self) -> ParallelLayout:
        """How one copy of the model is cut over GPUs."""

    @abstractmethod
    def gpus_of_pod(self) -> int:
        """GPUs that the server's processes in one pod take."""

    @abstractmethod
    def sizes(self) -> str:
        """The flags that `gpus_of_pod` follows from, as they were given."""

    @abstractmethod
    def weights_as_catalogued(self, model: Model) -> bool:
        """Whether the weights are as wide as the catalogue's figures of `model` suppose."""

    @abstractmethod
    def step(self) -> Step:
        """The most that one forward pass takes."""

    def longest_sequence(self, model: Model) -> int:
        return self.whole_number(self.max_model_len, model.context_tokens)

    def refusals(self, model: Model) -> Iterator[Refusal]:
        """Why the engine could not start `model` in its layout."""
        return refusals(
            model,
            self.layout(),
            balanced=self.balanced,
            replicates_kv_heads=self.replicates_kv_heads,
        )

    def takes_all_gpus(self) -> bool:
        """Whether the server takes whatever GPUs it sees, and says no number itself."""
        return False

    def is_catalogued_layout(self) -> bool:
        """Whether `layout` says all there is to say."""
        return True

    def spans_pods(self) -> bool:
        """Whether processes of the engine talk to others of it in another pod."""
        return False

    def pods_of_engine(self) -> int | None:
        """Pods that the processes of one engine are spread over; None where it does not say."""
        return None

    def drain_s(self) -> int:
        """Seconds that it goes on after SIGTERM for what it answers, where it says how long."""
        return 0

    def share(self) -> float | None:
        """The share of GPU memory that it was given; None where the engine computes its own."""
        if self.memory_share is None:
            return None
        text = self.text(self.memory_share.flag)
        if text is None:
            return self.memory_share.usual
        try:
            share = float(text)
        except ValueError:
            share = math.nan
        if not 0 < share <= 1:
            raise UnreadableError(
                f"--{self.memory_share.flag} {shown(text)}, which is no share of a GPU"
            )
        return share

    def beside_share_gib(self, model: Model) -> float:
        """GiB of one GPU that `model` needs beside the engine's share of its memory."""
        return 0.0

    def utilization(self, *, weights_ratio: float, overhead_ratio: float) -> float:
        """The share of a GPU for weights, activations and KV cache, as vLLM counts it.

        The ratios are those of a GPU's memory that weights and activations take.
        """
        if self.memory_share is None:
            return DEFAULT_GPU_MEMORY_UTILIZATION
        if (share := self.share()) is None:
            return MAX_GPU_MEMORY_UTILIZATION
        return self.memory_share.of_gpu(
            share, weights_ratio=weights_ratio, overhead_ratio=overhead_ratio
        )

    def location(self) -> str | None:
        """Where the model is, as it was given: a Hugging Face id, a URL or a path.

        By its flag, or as the first word, or as a word that the catalogue knows.
        """
        if self.model_flag is not None and (given := self.visible(self.model_flag)) is not None:
            return given
        if self.words and not is_flag(first := known_word(self.words[0])):
            return first
        return next((w for w in self.words if isinstance(w, str) and w in MODELS), None)

    def _has_catalogued_width(self, model: Model, quantization: str | None) -> bool:
        """Whether quantisation and data type leave the weights as the catalogue has them."""
        own = model.quantization
        # awq_marlin is a kernel for weights of awq.
        if quantization is not None and not (own and quantization.startswith(own.method)):
            return False
        return self.visible("dtype") in _SIXTEEN_BITS
