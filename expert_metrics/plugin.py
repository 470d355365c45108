"""The entry point: hooks into vLLM's worker, and lets nothing out that vLLM would notice."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

from expert_metrics.counts import ExpertCounts, logger
from expert_metrics.environment import DEFAULT_PORT, MODEL_NAME_VARIABLE, PORT_VARIABLE
from expert_metrics.exporter import Exporter, Worker
from expert_metrics.layers import WatchedLayer, counted_elsewhere, runners, watch

TESTED = "0.33."
"""Of vLLM: another version may route ids that mean something else, which no check would see."""

COPY_EVERY_S = 10.0

_STATE = "_expert_metrics"


def register() -> None:
    """Called by vLLM in each of its processes, and maybe more than once."""
    fail_open("it stays off", _hook)


def fail_open(what_follows: str, work: Callable[[], None]) -> None:
    """Does `work`; whatever goes wrong is logged, for vLLM serves on."""
    try:
        work()
    except Exception:
        logger.exception("expert metrics: %s", what_follows)


def _hook() -> None:
    from vllm.version import __version__

    if not __version__.startswith(TESTED):
        logger.warning(
            "expert metrics: made for vLLM %sx and not for %s: it stays off", TESTED, __version__
        )
        return
    from vllm.v1.worker.gpu_worker import Worker as GpuWorker

    hooks = {
        # Before memory is profiled and CUDA graphs are captured: both must see the capture.
        "load_model": _State.bind,
        # Whatever warms up routes made-up tokens.
        "compile_or_warm_up_model": _State.export,
    }
    # Both are there, or none is changed.
    originals = {method: getattr(GpuWorker, method) for method in hooks}
    for method, original in originals.items():
        if not hasattr(original, _STATE):
            setattr(GpuWorker, method, _followed_by(hooks[method], original))


def _followed_by(hook: Callable[[_State], None], original: Any) -> Any:
    """A method that does what `original` does, and then `hook`, which cannot fail it."""

    @functools.wraps(original)
    def wrapped(worker: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(worker, *args, **kwargs)
        fail_open("this worker is not counted", lambda: hook(_state(worker)))
        return result

    setattr(wrapped, _STATE, True)
    return wrapped


def _state(worker: Any) -> _State:
    if not hasattr(worker, _STATE):
        setattr(worker, _STATE, _State(worker))
    state: _State = getattr(worker, _STATE)
    return state


class _State:
    """What the plugin knows of one worker of vLLM."""

    def __init__(self, worker: Any) -> None:
        self._worker = worker
        self._layers: list[WatchedLayer] = []
        self._found = 0
        self._counts: ExpertCounts | None = None
        self._is_exported = False

    def bind(self) -> None:
        worker = self._worker
        dp_rank = worker.vllm_config.parallel_config.data_parallel_index
        found = [
            each for each in runners(worker.get_model()) if not counted_elsewhere(each, dp_rank)
        ]
        self._found = len(found)
        if worker.vllm_config.aux_output_config.enabled:
            # It takes the routers' one slot later, without a look at who has it.
            logger.warning("expert metrics: off beside --enable-return-routed-experts")
            return
        self._layers, self._counts = watch(found, worker.device)
        logger.info(
            "expert metrics: %d of %d MoE layers are counted", len(self._layers), len(found)
        )

    def export(self) -> None:
        from vllm.distributed.parallel_state import get_pp_group, get_tp_group

        if self._counts is not None:
            self._counts.zero()
        if self._is_exported or not get_tp_group().is_first_rank:
            return
        self._is_exported = True
        config = self._worker.vllm_config
        dp_rank = config.parallel_config.data_parallel_index
        Exporter(
            Worker(
                os.environ.get(MODEL_NAME_VARIABLE) or config.model_config.served_model_name,
                get_pp_group().rank_in_group,
                dp_rank,
            ),
            self._layers,
            self._found,
            self._counts.reader() if self._counts is not None else list,
            COPY_EVERY_S,
        ).start(int(os.environ.get(PORT_VARIABLE, DEFAULT_PORT)) + dp_rank)
