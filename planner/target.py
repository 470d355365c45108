"""What a plan has to reach."""

import math
from dataclasses import dataclass

from planner.simulated import Simulated

DEFAULT_REJECTED_SHARE = 0.01
"""A p99 lets one request in a hundred be late; as many may be told at once (HTTP 503)."""


@dataclass(frozen=True, slots=True)
class Miss:
    """`what` of a simulation is `found`, and `allowed` at the most."""

    what: str
    found: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.what} {self.found}, target {self.allowed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Seconds at the 99th percentile of all requests and all tokens, bursts included."""

    ttft_p99_s: float
    itl_p99_s: float
    rejected_share: float = DEFAULT_REJECTED_SHARE

    def __post_init__(self) -> None:
        for name in ("ttft_p99_s", "itl_p99_s"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{getattr(self, name):g} is not allowed; allowed: more than 0")
        if not 0 <= self.rejected_share < 1:
            raise ValueError(f"{self.rejected_share:g} is not allowed; allowed: 0 up to below 1")

    def misses(self, simulated: Simulated) -> list[Miss]:
        """All that is missed; nothing where the target is met."""
        found = []
        if simulated.ttft_s.p99 > self.ttft_p99_s:
            found.append(
                Miss("p99 TTFT", f"{simulated.ttft_s.p99:.2f} s", f"{self.ttft_p99_s:g} s")
            )
        if simulated.itl_s.p99 > self.itl_p99_s:
            found.append(
                Miss(
                    "p99 ITL",
                    f"{simulated.itl_s.p99 * 1000:.1f} ms",
                    f"{self.itl_p99_s * 1000:g} ms",
                )
            )
        if simulated.rejected_share > self.rejected_share:
            found.append(
                Miss(
                    "rejected",
                    f"{simulated.rejected_share:.2%}",
                    f"{self.rejected_share * 100:g}%",
                )
            )
        if simulated.overloaded:
            found.append(Miss("queue", "grows for as long as the load lasts", "none that grows"))
        return found

    def near(self, simulated: Simulated) -> bool:
        """Whether a p99 is nearer to its target than the simulation can tell."""
        pairs = ((simulated.ttft_s, self.ttft_p99_s), (simulated.itl_s, self.itl_p99_s))
        return any(
            found.p99_half_width < math.inf and abs(found.p99 - target) < found.p99_half_width
            for found, target in pairs
        )
