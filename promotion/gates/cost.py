"""What the target would cost by the hour rises by no more than its settings allow.

Compared is what runs with what the preview would leave, not settings with settings. A target that
is not deployed yet has nothing that could rise: there its budget counts (section `budget`), and
without one the limit on a rise, since then nobody has agreed to any cost at all.
"""

from collections.abc import Iterator

from catalog import cost, prices
from promotion.bill import Bill
from promotion.gate import GateResult, could_not_check, failed, passed

GATE = "cost"
_LIMIT = "promotion.max_cost_increase_usd_per_hour"
_ROUNDING_USD = 1e-6
"""Sums of the same prices in another order differ by less."""


def judge(
    before: Bill | None,
    after: Bill,
    limit_usd_per_hour: float,
    budget_usd_per_hour: float | None = None,
) -> GateResult:
    """`before` is of what runs, None where the target is not deployed; both at desired nodes."""
    unknown = [*_new_without_price(before, after), *after.unread]
    if unknown:
        return could_not_check(
            GATE,
            f"what {len(unknown)} parts of the target would cost is not known;"
            f" {_allowed(before, limit_usd_per_hour, budget_usd_per_hour)}",
            *unknown,
            remedy="add the prices to catalog/prices.py, with their day and source",
        )
    evidence, is_within = _compared(before, after, limit_usd_per_hour, budget_usd_per_hour)
    allowed = _allowed(before, limit_usd_per_hour, budget_usd_per_hour)
    details = [*_differences(before, after), *_not_counted(before)]
    if is_within:
        return passed(GATE, f"{evidence}; {allowed}", *details)
    return failed(
        GATE,
        f"{evidence}; {allowed}",
        *details,
        remedy="take fewer or smaller nodes, or have the owner of the stack raise "
        + ("the limit" if before is not None else "budget.usd_per_hour"),
    )


def _compared(
    before: Bill | None, after: Bill, limit: float, budget: float | None
) -> tuple[str, bool]:
    """In words, and whether it is allowed."""
    costs = f"{after.usd_per_hour:.2f} {prices.CURRENCY} an hour"
    if before is None:
        most = limit if budget is None else budget
        return f"it is not deployed yet and would cost {costs}", _within(after.usd_per_hour, most)
    rise = after.usd_per_hour - before.usd_per_hour
    words = f"{before.usd_per_hour:.2f} now, {costs} after, a change of {rise:+.2f}"
    return words, _within(rise, limit)


def _within(usd_per_hour: float, most: float) -> bool:
    return usd_per_hour <= most + _ROUNDING_USD


def _allowed(before: Bill | None, limit: float, budget: float | None) -> str:
    if before is None and budget is not None:
        return f"budget.usd_per_hour is {budget:.2f}"
    return f"a rise of {limit:.2f} is allowed ({_LIMIT})"


def _new_without_price(before: Bill | None, after: Bill) -> Iterator[str]:
    """More of what has no price than now; what runs already with none is no change."""
    ran = before.unpriced if before else {}
    for what, count in after.unpriced.items():
        more = count - ran.get(what, 0)
        if more > 0:
            yield f"{more} more {what}: {cost.NO_PRICE}"


def _differences(before: Bill | None, after: Bill) -> Iterator[str]:
    old = before or Bill(())
    for what in dict.fromkeys((*after.counts, *old.counts)):
        counts = old.counts.get(what, 0), after.counts.get(what, 0)
        usd = old.usd_per_hour_of(what), after.usd_per_hour_of(what)
        if counts[0] != counts[1] or abs(usd[1] - usd[0]) > _ROUNDING_USD:
            yield f"{what}: {counts[0]} -> {counts[1]}, {usd[0]:.2f} -> {usd[1]:.2f} an hour"


def _not_counted(before: Bill | None) -> Iterator[str]:
    for words in before.unread if before else ():
        yield f"not counted of what runs: {words}"
