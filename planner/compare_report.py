"""A comparison in words and as one document of plain values."""

from collections.abc import Sequence
from typing import Any

from planner import report
from planner.compare import Basis, Row
from planner.plan import Plan
from planner.report import ASSUMED

COLUMNS = (
    "where",
    "target",
    "engines",
    "nodes",
    "USD an hour",
    "USD a million tokens",
    "p99 TTFT",
    "p99 ITL",
    "headroom",
    "step time",
)


def title(rows: Sequence[Row]) -> str:
    assumed = any(row.basis in (Basis.ASSUMED, Basis.SCALED) for row in rows)
    return f"Comparison, step times {ASSUMED} where marked" if assumed else "Comparison"


def rows(found: Sequence[Row]) -> list[tuple[str, ...]]:
    """Cells of the rows that were planned."""
    return [
        (str(row.place), row.plan.verdict.value, *_figures(row.plan), row.basis.value)
        for row in found
        if row.plan is not None
    ]


def notes(found: Sequence[Row]) -> list[str]:
    """What is not in the table, and why."""
    unknown = [str(row.place) for row in found if row.plan is None and row.fit.fits]
    too_large = [str(row.place) for row in found if not row.fit.fits]
    sentences = []
    if unknown:
        sentences.append(
            f"fit, but nothing says how fast: {', '.join(unknown)}; --measured LAYOUT=PATH or"
            " --assume-layout LAYOUT=VALUES plans one, --assume-scaling the tensor parallel ones of"
            " the instance type that was measured"
        )
    if too_large:
        sentences.append(f"do not fit: {', '.join(too_large)}")
    return sentences


def document(found: Sequence[Row]) -> list[dict[str, Any]]:
    return [
        {
            "where": str(row.place),
            "basis": row.basis.value,
            "fits": row.fit.fits,
            "spare_gib": round(row.fit.budget_gib - row.fit.needed_gib, 2),
            "plan": None if row.plan is None else report.document(row.plan),
        }
        for row in found
    ]


def _figures(plan: Plan) -> tuple[str, ...]:
    found = plan.simulated
    each = plan.usd_per_million_output_tokens
    hour = None if plan.price is None else plan.price.usd_per_hour
    return (
        _or_dash(plan.replicas, "d"),
        _or_dash(plan.nodes, "d"),
        _or_dash(hour, ",.2f"),
        _or_dash(each, ",.2f"),
        "-" if found is None else f"{found.ttft_s.p99:.2f} s",
        "-" if found is None else f"{found.itl_s.p99 * 1000:.1f} ms",
        "-" if plan.headroom is None else f"{plan.headroom:.2f} x",
    )


def _or_dash(value: float | None, shape: str) -> str:
    return "-" if value is None else format(value, shape)
