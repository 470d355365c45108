"""Which layers of a loaded vLLM model route tokens, and where each is watched.

Every name of vLLM's that is used here is in `tests/expert_metrics/hooks.json`, which a test
compares with vLLM's source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expert_metrics.counts import Capture, ExpertCounts, logger

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class WatchedLayer:
    """`layer` is its index in the whole model; `experts` are logical ones, no copies by EPLB."""

    layer: int
    experts: int
    router: Any
    capture: Capture

    @property
    def is_bound(self) -> bool:
        """False once somebody else took the router's one slot, or a step could not be counted."""
        return self.router.capture_fn is self.capture and self.capture.works


def runners(model: torch.nn.Module) -> list[Any]:
    """The MoE layers of `model`, in its order."""
    from vllm.model_executor.layers.fused_moe.layer import MoERunner

    return [module for module in model.modules() if isinstance(module, MoERunner)]


def watch(found: list[Any], device: torch.device) -> tuple[list[WatchedLayer], ExpertCounts | None]:
    """Binds a capture to every router of `found` that allows it, and says why others do not."""
    allowed = []
    for runner in found:
        if (reason := refusal(runner)) is None:
            allowed.append(runner)
        else:
            logger.warning("expert metrics: %s is not counted: %s", runner.layer_name, reason)
    if not allowed:
        return [], None
    experts = [int(runner.moe_config.num_logical_experts) for runner in allowed]
    counts = ExpertCounts(len(allowed), max(experts), device)
    layers = [
        WatchedLayer(int(runner.layer_id), number, runner.router, counts.capture(row))
        for row, (runner, number) in enumerate(zip(allowed, experts, strict=True))
    ]
    for each in layers:
        each.router.set_capture_fn(each.capture)
    return layers, counts


def refusal(runner: Any) -> str | None:
    """Why the tokens of a layer cannot be counted as they should; None where they can."""
    from vllm.model_executor.layers.fused_moe.router.base_router import BaseRouter

    if runner.is_monolithic:
        return "its kernel routes by itself and never asks the router"
    if not isinstance(runner.router, BaseRouter):
        return f"{type(runner.router).__name__} is no BaseRouter"
    taken = runner.router.capture_fn
    if taken is not None and not isinstance(taken, Capture):
        return "something else captures its routing already"
    if runner.moe_config.pcp_size > 1:
        return "prefill context parallelism shows every rank the tokens of all"
    if runner.moe_config.is_sequence_parallel and not runner.do_naive_dispatch_combine:
        return "sequence parallelism shows each rank a part of the tokens"
    return None


def counted_elsewhere(runner: Any, dp_rank: int) -> bool:
    """Whether data parallel rank 0 sees this rank's tokens too.

    Where batches of all ranks are gathered before routing, every rank routes every token.
    """
    return dp_rank > 0 and bool(runner.do_naive_dispatch_combine)
