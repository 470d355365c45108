"""As much of vLLM as the plugin touches.

The routers are vLLM's own classes, run from the pinned source package. What is around them is a
stand-in: vLLM itself needs compiled CUDA code and torch. `test_hooks.py` holds each stand-in
against the source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

_MOE = "vllm.model_executor.layers.fused_moe"
_ROUTERS = ("fused_moe_router", "base_router", "custom_routing_router")


class MoERunner:
    """A layer; `router` is a real one."""

    def __init__(self, layer_id: int, router: Any, experts: int, **config: Any) -> None:
        self.layer_name = f"model.layers.{layer_id}.block_sparse_moe.experts"
        self.router = router
        self.moe_config = SimpleNamespace(
            num_logical_experts=experts,
            **{"pcp_size": 1, "is_sequence_parallel": False, **config},
        )
        self.monolithic = False
        self.gathers = False

    @property
    def layer_id(self) -> int:
        return int(self.layer_name.split(".")[2])

    @property
    def is_monolithic(self) -> bool:
        return self.monolithic

    @property
    def do_naive_dispatch_combine(self) -> bool:
        return self.gathers


class Worker:
    """vLLM's, with `model` in place of weights, and a warm-up that routes made-up tokens."""

    def __init__(self, model: Any, device: Any) -> None:
        self.model = model
        self.device = device
        self.did: list[str] = []
        self.vllm_config = SimpleNamespace(
            parallel_config=SimpleNamespace(data_parallel_index=0),
            model_config=SimpleNamespace(served_model_name="mixtral"),
            aux_output_config=SimpleNamespace(enabled=False),
        )
        self.warm_up: Callable[[], None] = lambda: None

    def load_model(self, *, load_dummy_weights: bool = False) -> None:
        self.did.append(f"load {load_dummy_weights}")

    def get_model(self) -> Any:
        return self.model

    def compile_or_warm_up_model(self) -> str:
        self.warm_up()
        self.did.append("warm up")
        return "times"


class Model:
    def __init__(self, runners: list[Any]) -> None:
        self.runners = runners

    def modules(self) -> Iterator[Any]:
        yield self
        yield from self.runners


class VLLM:
    """The package, as it is in `sys.modules` while a test runs."""

    def __init__(self, root: Path, torch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.torch = torch
        self._patch = monkeypatch
        self.tp, self.pp = (
            SimpleNamespace(is_first_rank=True, rank_in_group=rank) for rank in (0, 0)
        )
        # A class of its own for each test: the plugin changes it.
        self.worker_class: Any = type("Worker", (), dict(vars(Worker)))
        self._add("vllm.version", __version__="0.33.0")
        self._add("vllm.v1.worker.gpu_worker", Worker=self.worker_class)
        self._add(
            "vllm.distributed.parallel_state",
            get_tp_group=lambda: self.tp,
            get_pp_group=lambda: self.pp,
        )
        self._add(f"{_MOE}.layer", MoERunner=MoERunner)
        # Neighbours of the routers, none of which a routing without EPLB calls.
        self._add("vllm.distributed.eplb.eplb_state", EplbLayerState=object)
        self._add(f"{_MOE}.config", RoutingMethodType=object)
        self._add("vllm.triton_utils", tl=None, triton=None)
        self._add("vllm.v1.worker.ubatching", dbo_current_ubatch_id=lambda: 0)
        cpu = SimpleNamespace(is_cuda_alike=lambda: False, is_xpu=lambda: False)
        self._add("vllm.platforms", current_platform=cpu)
        for name in _ROUTERS:
            module = self._add(f"{_MOE}.router.{name}")
            file = root.joinpath(*module.__name__.split(".")).with_suffix(".py")
            exec(compile(file.read_text(), file, "exec"), vars(module))  # noqa: S102
        self.router_class: Any = vars(module)["CustomRoutingRouter"]

    def version(self, version: str) -> None:
        self._add("vllm.version", __version__=version)

    def without(self, module: str) -> None:
        """Importing it fails from now on."""
        self._patch.setitem(__import__("sys").modules, module, None)

    def layer(self, layer_id: int, experts: int = 8, **config: Any) -> MoERunner:
        """Routes each token to the experts that its row of logits names."""

        def named(gating_output: Any, **_others: Any) -> tuple[Any, Any]:
            return gating_output, gating_output

        router = self.router_class(2, experts, custom_routing_function=named)
        return MoERunner(layer_id, router, experts, **config)

    def worker(self, *runners: MoERunner) -> Any:
        return self.worker_class(Model(list(runners)), self.torch.device("cpu"))

    def route(self, runner: MoERunner, ids: list[list[int]]) -> Any:
        """One step of a layer; the ids that the kernels get."""
        named = self.torch.tensor(ids, dtype=self.torch.int32)
        return runner.router.select_experts(named, named)[1]

    def _add(self, name: str, **content: Any) -> ModuleType:
        import sys

        parts = name.split(".")
        for depth in range(1, len(parts)):
            parent = ".".join(parts[:depth])
            if not isinstance(sys.modules.get(parent), _Package):
                self._patch.setitem(sys.modules, parent, _Package(parent))
        module = ModuleType(name)
        vars(module).update(content)
        self._patch.setitem(sys.modules, name, module)
        return module


class _Package(ModuleType):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []
