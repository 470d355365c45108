"""What one engine of a plan does at loads below and above the planned one."""

from dataclasses import dataclass

from planner.plan import MOST_REPLICAS, Plan, Progress, no_progress
from planner.simulation import Simulated

LOAD_FACTORS = tuple(round(0.5 + 0.1 * step, 1) for step in range(11))


@dataclass(frozen=True, slots=True)
class Sweep:
    """Simulations at `factors` of the planned traffic, on `replicas` engines."""

    replicas: int
    factors: tuple[float, ...]
    simulated: tuple[Simulated, ...]


def sweep(
    plan: Plan,
    *,
    factors: tuple[float, ...] = LOAD_FACTORS,
    progress: Progress = no_progress,
) -> Sweep:
    """On the engines of the plan, or on the most there may be where no number meets the target."""
    replicas = plan.replicas or MOST_REPLICAS
    run, found = plan.run(), []
    for done, factor in enumerate(factors):
        progress("load sweep", done, len(factors))
        found.append(run(plan.request.requests_per_s * factor / replicas))
    progress("load sweep", len(factors), len(factors))
    return Sweep(replicas, factors, tuple(found))
