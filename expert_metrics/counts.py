"""Counts of tokens per expert, on the device where they are routed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# Below vLLM's own logger, whose handlers then print it.
logger = logging.getLogger("vllm.expert_metrics")


class Capture:
    """Counts one layer's routed tokens; what vLLM calls in every step, so it must not raise.

    Runs while CUDA graphs are captured, and is replayed with them: device operations of static
    shapes alone, nothing read back, and no host state that a replay would miss. Ids are compared,
    never used as an index: vLLM routes padded rows to -1, and an index out of range would
    end the process.
    """

    def __init__(self, tokens: torch.Tensor, experts: torch.Tensor) -> None:
        self._tokens = tokens
        self._experts = experts
        self._works = True

    def __call__(self, topk_ids: torch.Tensor) -> None:
        """Adds `topk_ids`, [rows, top_k] logical expert ids of any integer type."""
        if not self._works:
            return
        try:
            # One comparison, one sum, one addition: kernels are what this costs at decode.
            chosen = topk_ids.reshape(-1, 1) == self._experts
            self._tokens.add_(chosen.sum(dim=0, dtype=self._tokens.dtype))
        except Exception:
            self._works = False
            logger.exception("expert metrics: a layer is no longer counted")

    @property
    def works(self) -> bool:
        return self._works


class ExpertCounts:
    """Tokens routed to each expert of each layer since `zero`, int64 [layers, experts].

    At a million tokens a second an int64 lasts 292,000 years, and the float64 of an exposition
    stays exact for 285.
    """

    def __init__(self, layers: int, experts: int, device: torch.device) -> None:
        import torch

        self._tokens = torch.zeros((layers, experts), dtype=torch.int64, device=device)
        self._experts = torch.arange(experts, dtype=torch.int64, device=device)

    def capture(self, row: int) -> Capture:
        return Capture(self._tokens[row], self._experts)

    def zero(self) -> None:
        """Forgets what was counted; on the stream of the steps, so that it keeps their order."""
        self._tokens.zero_()

    def reader(self) -> Callable[[], list[list[int]]]:
        """A function for another thread that copies the counts to the host.

        What it needs is allocated now: pinned memory and a stream of its own on a GPU, so
        that neither a step waits for a copy nor a copy for more than the step that runs.
        A copy may see a step half counted; each count still never falls.
        """
        import torch

        tokens = self._tokens
        if tokens.device.type != "cuda":
            return lambda: list(tokens.tolist())
        host = torch.zeros(tokens.shape, dtype=tokens.dtype, pin_memory=True)
        stream = torch.cuda.Stream(device=tokens.device)

        def read() -> list[list[int]]:
            with torch.cuda.stream(stream):
                host.copy_(tokens, non_blocking=True)
            stream.synchronize()
            rows: list[list[int]] = host.tolist()
            return rows

        return read
