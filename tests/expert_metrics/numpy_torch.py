"""A stand-in for torch on numpy, for the few operations that the plugin and a router use.

torch for Linux comes from PyPI with CUDA (555 MB, 5.5 GB installed), so `make test` runs on this
one, and on torch where it can be imported. Neither has CUDA streams and graphs.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Device:
    type: str = "cpu"


class Tensor:
    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.array = array
        self.device = Device()

    @property
    def shape(self) -> tuple[int, ...]:
        shape: tuple[int, ...] = self.array.shape
        return shape

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = self.array.dtype
        return dtype

    def reshape(self, *shape: int) -> Tensor:
        return Tensor(self.array.reshape(*shape))

    def to(self, dtype: Any) -> Tensor:
        return Tensor(self.array.astype(dtype))

    def sum(self, dim: int, dtype: Any) -> Tensor:
        return Tensor(self.array.sum(axis=dim, dtype=dtype))

    def add_(self, other: Tensor) -> Tensor:
        self.array += other.array
        return self

    def zero_(self) -> Tensor:
        self.array[...] = 0
        return self

    def tolist(self) -> Any:
        return self.array.tolist()

    def __getitem__(self, index: int) -> Tensor:
        # A view, as in torch.
        return Tensor(self.array[index])

    def __eq__(self, other: object) -> Any:
        return Tensor(self.array == other.array) if isinstance(other, Tensor) else NotImplemented

    __hash__ = None  # type: ignore[assignment]


def module() -> ModuleType:
    torch: Any = ModuleType("torch")
    torch.Tensor = Tensor
    torch.dtype = np.dtype
    torch.int32, torch.int64, torch.float32 = (
        np.dtype(name) for name in ("int32", "int64", "float32")
    )
    torch.device = lambda kind: Device(kind)
    torch.zeros = lambda shape, dtype, device=None: Tensor(np.zeros(shape, dtype))
    torch.arange = lambda stop, dtype, device=None: Tensor(np.arange(stop, dtype=dtype))
    torch.tensor = lambda values, dtype: Tensor(np.array(values, dtype))
    return torch  # type: ignore[no-any-return]
