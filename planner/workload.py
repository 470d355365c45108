"""Traffic: when requests come, and how long they are."""

import math
from dataclasses import dataclass

import numpy as np

from planner.lengths import FloatArray, TokenCounts

DEFAULT_BURST_S = 60.0
"""Mean length of a burst: shorter than any node or replica takes to start, so nothing
but spare capacity can meet it."""

MIN_BURST_S, MAX_BURST_S = 1.0, 3600.0
"""Shorter ones are the chance of a Poisson process; longer ones are another mean rate."""

MAX_BURST_FACTOR = 100.0
"""Beyond it a run of affordable length sees no burst at all."""

BURST_TIME_SHARE = 0.1
"""Share of time in bursts: with bursts of a minute, one every ten minutes."""

MAX_BURST_REQUEST_SHARE = 0.5
"""At most this share of requests comes in bursts; strong bursts are rarer instead, so
that the quiet rate stays above zero and the mean stays what was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Requests of all clients together.

    Arrivals are Poisson, and in a burst the rate is `burst_factor` times the
    mean: a Poisson process switched by a two-state Markov chain (MMPP), the
    least model with bursts that last. Users do not wait for one another, so
    the arrivals do not slow down when the servers do (an open loop).

    requests_per_s: mean over quiet times and bursts.
    burst_factor: 1 is plain Poisson.
    burst_s: mean length of a burst, seconds.
    """

    requests_per_s: float
    burst_factor: float = 1.0
    burst_s: float = DEFAULT_BURST_S
    prompt: TokenCounts
    output: TokenCounts

    def __post_init__(self) -> None:
        if not 0 < self.requests_per_s < math.inf:
            raise ValueError(
                f"requests_per_s {self.requests_per_s:g} is not allowed; allowed: more than 0"
            )
        for name, least, most in (
            ("burst_factor", 1, MAX_BURST_FACTOR),
            ("burst_s", MIN_BURST_S, MAX_BURST_S),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"{name} {value:g} is not allowed; allowed: {least:g} to {most:g}")

    @property
    def burst_time_share(self) -> float:
        return min(BURST_TIME_SHARE, MAX_BURST_REQUEST_SHARE / self.burst_factor)

    @property
    def quiet_requests_per_s(self) -> float:
        share = self.burst_time_share
        return self.requests_per_s * (1 - share * self.burst_factor) / (1 - share)

    def arrivals(self, n: int, generator: np.random.Generator) -> FloatArray:
        """Times of `n` requests, seconds from 0, rising.

        A Poisson process of rate 1 read on a clock that runs at the current
        rate: exact for any rate that changes with time.
        """
        unit_times = np.cumsum(generator.standard_exponential(n))
        if self.burst_factor == 1 or n == 0:
            return unit_times / self.requests_per_s
        times, expected = self._rate_changes(unit_times[-1], generator)
        return np.interp(unit_times, expected, times)

    def _rate_changes(
        self, requests: float, generator: np.random.Generator
    ) -> tuple[FloatArray, FloatArray]:
        """Times at which the rate changes, and the requests expected up to each of them."""
        share = self.burst_time_share
        mean_s = (self.burst_s * (1 - share) / share, self.burst_s)
        rates = (self.quiet_requests_per_s, self.requests_per_s * self.burst_factor)
        # The chain starts as it is found at a random moment.
        in_burst = int(generator.random() < share)
        times, expected = [0.0], [0.0]
        while expected[-1] < requests:
            lasts_s = mean_s[in_burst] * generator.standard_exponential()
            times.append(times[-1] + lasts_s)
            expected.append(expected[-1] + lasts_s * rates[in_burst])
            in_burst = 1 - in_burst
        return np.array(times), np.array(expected)
