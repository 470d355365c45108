"""What a change does to the bill, at the prices of `catalog/prices.py`."""

from gate.report import CostChange
from preflight.stack_cost import stack_cost
from stacks.settings import Settings


def cost_changes(before: Settings | None, after: Settings) -> list[CostChange]:
    """At the least, the first and the largest number of nodes."""
    old = stack_cost(before) if before else {}
    return [
        CostChange(at, old[at].usd_per_hour if at in old else None, cost.usd_per_hour)
        for at, cost in stack_cost(after).items()
    ]
