"""How long prompts and outputs are: tokens of one request."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

P99_DEVIATE = 2.3263478740408408
"""99th percentile of the standard normal distribution."""

MAX_P99_TO_MEAN = math.exp(P99_DEVIATE**2 / 2)
"""About 15. A log-normal distribution's p99/mean is exp(z s - s^2/2): largest at s = z."""


class TokenCounts(Protocol):
    """Whatever draws token counts; `Lengths`, or a distribution that was measured."""

    @property
    def longest(self) -> int: ...

    def sample(self, n: int, generator: np.random.Generator) -> IntArray: ...


@dataclass(frozen=True, slots=True)
class Lengths:
    """Log-normal token counts, rounded to whole tokens and kept between 1 and `longest`.

    mean, p99: tokens, before the clipping. With `longest` at the p99 the
        clipped mean is a few per cent lower. p99 == mean makes a constant.
    longest: tokens; what the server or its clients cut off at.
    """

    mean: float
    p99: float
    longest: int

    def __post_init__(self) -> None:
        if not self.mean >= 1:
            raise ValueError(f"mean {self.mean:g} is not allowed; allowed: 1 token or more")
        highest = self.mean * MAX_P99_TO_MEAN
        if not self.mean <= self.p99 <= highest:
            raise ValueError(
                f"p99 {self.p99:g} with mean {self.mean:g} is not allowed; allowed: "
                f"{self.mean:g} (a constant) to {math.floor(highest)}, the widest log-normal"
            )
        if self.longest < self.p99:
            raise ValueError(
                f"longest {self.longest} with p99 {self.p99:g} is not allowed; allowed: "
                f"{math.ceil(self.p99)} or more"
            )

    @property
    def sigma(self) -> float:
        """Standard deviation of the logarithm: the smaller root of z s - s^2/2 = ln(p99/mean)."""
        inside = P99_DEVIATE**2 - 2 * math.log(self.p99 / self.mean)
        return P99_DEVIATE - math.sqrt(max(0.0, inside))

    def sample(self, n: int, generator: np.random.Generator) -> IntArray:
        median = self.mean * math.exp(-(self.sigma**2) / 2)
        tokens = np.rint(median * np.exp(self.sigma * generator.standard_normal(n)))
        return np.clip(tokens, 1, self.longest).astype(np.int64)
