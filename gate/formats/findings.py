"""What all formats say alike: how an item stands, what comes first, and how much there is."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gate.report import Change, CostChange, Item, Outcome, Report, Section, Step
from policies.finding import Kind


class Standing(StrEnum):
    """What an item means for the gate, in the order in which it is told."""

    REFUSED = "refused"
    NOT_CHECKED = "not checked"
    WAIVED = "waived"
    ADVICE = "advice"


@dataclass(frozen=True, slots=True)
class Found:
    """An item, and where in the report it is."""

    section: Section
    step: Step
    item: Item

    @property
    def standing(self) -> Standing:
        if self.item.kind == Kind.COULD_NOT_CHECK and (self.item.refuses or not self.item.waiver):
            return Standing.NOT_CHECKED
        if self.item.refuses:
            return Standing.REFUSED
        return Standing.WAIVED if self.item.waiver else Standing.ADVICE


def found(report: Report) -> list[Found]:
    """Every item, what refuses first. A step that refuses for no item of its own is one itself."""
    standings = list(Standing)
    everything = [
        Found(section, step, item)
        for section in report.sections
        for step in section.steps
        for item in (*step.items, *_own(step))
    ]
    return sorted(
        everything, key=lambda each: (not each.item.refuses, standings.index(each.standing))
    )


def _own(step: Step) -> Iterator[Item]:
    if step.outcome is Outcome.REFUSED and not any(item.refuses for item in step.items):
        yield Item(
            rule=step.name,
            kind=Kind.VIOLATION,
            level="mandatory",
            severity="",
            resource="",
            urn="",
            message=step.summary,
            refuses=True,
        )


def unfinished(report: Report) -> list[tuple[Section, Step]]:
    """Steps that ended in an error: what they would have found is not in the report."""
    return [
        (section, step)
        for section in report.sections
        for step in section.steps
        if step.outcome is Outcome.ERROR
    ]


def tally(report: Report) -> str:
    """How many items stand how, such as `2 refused, 1 not checked`."""
    if not report.sections:
        return "nothing was checked"
    counts = Counter(each.standing for each in found(report))
    parts = [f"{counts[standing]} {standing}" for standing in Standing if counts[standing]]
    if count := len(unfinished(report)):
        parts.insert(0, f"{count} unfinished")
    return ", ".join(parts) or "nothing found"


def is_risky(change: Change) -> bool:
    """It destroys something, or touches what is protected."""
    return change.protected or "replace" in change.operation or "delete" in change.operation


def riskiest_first(changes: Sequence[Change]) -> list[Change]:
    return sorted(
        changes, key=lambda each: (not is_risky(each), not each.protected, each.operation)
    )


def shown_operation(change: Change) -> str:
    return f"{change.operation}, protected" if change.protected else change.operation


def because_of(change: Change) -> str:
    """The keys of a change; of a replacement those that force it."""
    return ", ".join(change.replace_keys or change.keys)


def shown_cost(cost: CostChange) -> str:
    """US dollars an hour before and after, and the difference."""
    before, after = cost.before_usd_per_hour, cost.after_usd_per_hour
    difference = "" if before is None or after is None else f" ({after - before:+,.2f})"
    return f"{_dollars(before)} → {_dollars(after)}{difference}"


def _dollars(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.2f}"
