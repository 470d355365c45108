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
    `unit` is how much of a GPU's memory a share of 1 is.
    """

    flag: str
    usual: float | None
    covers: Literal["everything", "weights_and_kv", "kv"] = "everything"
    unit: float = 1.0

    def of_gpu(self, share: float, *, weights_ratio: float, overhead_ratio: float) -> float:
        """The share of a GPU that weights, activations and KV cache have together."""
        match self.covers:
            case "everything":
                return share * self.unit
            case "weights_and_kv":
                return share + overhead_ratio
            case "kv":
                taken = weights_ratio + overhead_ratio
                return taken + share * max(1 - taken, 0)
