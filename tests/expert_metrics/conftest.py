"""The pinned vLLM's source, torch or its stand-in, and a worker with the plugin in it."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog.metrics.vllm_list import source_package
from durable.places import cache_root
from expert_metrics.environment import PORT_VARIABLE
from sandbox.endpoints import free_ports, port_is_free
from tests.expert_metrics import numpy_torch
from tests.expert_metrics.stand_in_vllm import VLLM

try:
    _TORCH: Any = importlib.import_module("torch")
    _NAME = f"torch {_TORCH.__version__}"
except ImportError:
    _TORCH, _NAME = numpy_torch.module(), "numpy in place of torch"


@pytest.fixture(scope="session")
def vllm_root() -> Iterator[Path]:
    """The source package of the pinned version: 47 MB when it is not in the cache yet."""
    with source_package(cache_root()) as root:
        yield root


@pytest.fixture(params=[pytest.param(_TORCH, id=_NAME)])
def torch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(sys.modules, "torch", request.param)
    return request.param


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """A free one, which the plugin is told; the next, which a second rank takes, is free too.

    Not those of outgoing connections: another process may get one between now and the test.
    """
    number = next(each for each in free_ports(16) if port_is_free(each + 1))
    monkeypatch.setenv(PORT_VARIABLE, str(number))
    return number


@pytest.fixture
def vllm(vllm_root: Path, torch: Any, port: int, monkeypatch: pytest.MonkeyPatch) -> VLLM:
    return VLLM(vllm_root, torch, monkeypatch)
