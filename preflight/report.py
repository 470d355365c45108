"""What was found and what it costs, as one document of plain values."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from catalog import cost, prices
from catalog.cost import Cost
from preflight.finding import Finding, worst
from preflight.plan import Plan
from preflight.stack_cost import stack_cost


def report(plan: Plan, findings: Sequence[Finding]) -> dict[str, Any]:
    """Always the same keys: stack, verdict, findings, cost."""
    costs = stack_cost(plan.settings)
    return {
        "stack": plan.stack,
        "verdict": worst(findings).value,
        "findings": [{**asdict(each), "verdict": each.verdict.value} for each in findings],
        "cost": {
            "as_of": prices.AS_OF.isoformat(),
            "currency": prices.CURRENCY,
            "source": prices.SOURCE,
            "not_counted": cost.NOT_COUNTED,
            **{at: _cost(each) for at, each in costs.items()},
        },
    }


def _cost(at: Cost) -> dict[str, Any]:
    return {
        "gpu_nodes": at.gpu_nodes,
        "gpu_hours_per_hour": at.gpu_hours_per_hour,
        "usd_per_hour": _rounded(at.usd_per_hour),
        "usd_per_month": _rounded(at.usd_per_month),
        "lines": [
            {**asdict(line), "usd_per_hour": _rounded(line.usd_per_hour)} for line in at.lines
        ],
        "without": list(at.without),
        "note": at.note,
    }


def _rounded(usd: float | None) -> float | None:
    return None if usd is None else round(usd, 2)
