"""What an engine calls the share of a GPU's memory that it takes, and what it means by it."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class MemoryShare:
    """`flag` and its default; None where the engine computes one for the GPU that it meets.

    `covers` what it is a share for:
        everything      weights, activations and KV cache (vLLM, TGI)
        weights_and_kv  activations and CUDA graphs are beside it (SGLang)
        kv              the KV cache, out of what weights and activations leave (TensorRT-LLM)
    `kv_ratio` is the part of what weights and activations leave of it that the KV cache gets:
    an engine that keeps some itself may be given all of a GPU.
    """

    flag: str
    usual: float | None
    covers: Literal["everything", "weights_and_kv", "kv"] = "everything"
    kv_ratio: float = 1.0

    def of_gpu(self, share: float, *, weights_ratio: float, overhead_ratio: float) -> float:
        """The share of a GPU that weights, activations and KV cache have together."""
        taken = weights_ratio + overhead_ratio
        match self.covers:
            case "everything":
                return taken + (share - taken) * self.kv_ratio
            case "weights_and_kv":
                return share + overhead_ratio
            case "kv":
                return taken + (1 - taken) * share
