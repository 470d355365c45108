"""The words for what a status has: the same on a terminal, in a pipe and on the page."""

from collections.abc import Iterator
from datetime import UTC, datetime

from catalog.cost import NO_PRICE
from promotion.durations import shown_hours
from promotion.release import SHOWN_DIGITS
from promotion.status.report import Report, Runs, Soak, StackStatus, Standing

NOTHING = "-"


def short_moment(at: datetime) -> str:
    """Of UTC, where a heading says so."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def moment(at: datetime) -> str:
    return f"{short_moment(at)} UTC"


def plural(count: int, one: str, several: str = "") -> str:
    return f"{count} {one if count == 1 else several or one + 's'}"


def release(status: StackStatus) -> str:
    return status.release.short_id if status.release else status.runs.value


def since(status: StackStatus) -> str:
    if status.since is not None:
        return short_moment(status.since)
    return Runs.UNKNOWN.value if status.runs is Runs.UNKNOWN else NOTHING


def age(status: StackStatus) -> str:
    return NOTHING if status.age_hours is None else shown_hours(status.age_hours)


def soak(left: Soak) -> str:
    if left.is_over:
        return f"ready for {left.target}"
    return f"{shown_hours(left.left_hours)} left for {left.target}"


def soaks(status: StackStatus) -> str:
    return ", ".join(soak(each) for each in status.soaks) or NOTHING


def drift(status: StackStatus) -> str:
    if status.drift is None:
        return NOTHING if status.runs is Runs.NOTHING else "not asked"
    return status.drift.verdict.value


def waivers(status: StackStatus) -> str:
    """How many, how many of them expired, and the next to expire."""
    if not status.waivers:
        return NOTHING
    words = [str(len(status.waivers))]
    if status.expired_waivers:
        words.append(f"{status.expired_waivers} expired")
    if (coming := status.next_to_expire) is not None:
        words.append(f"next expires {coming.granted.expires}")
    return ", ".join(words)


def cost(status: StackStatus) -> str:
    return NOTHING if status.usd_per_hour is None else f"{status.usd_per_hour:,.2f}"


def interruption(status: StackStatus) -> str:
    """Empty where nothing was interrupted."""
    entry = status.interrupted
    if entry is None:
        return ""
    return (
        f"the {entry.kind} of {entry.release[:SHOWN_DIGITS]}, begun at {entry.at} by {entry.by},"
        " has not ended: it runs, or it was interrupted; the same command takes it up again"
    )


def notes(status: StackStatus) -> list[str]:
    """What needs a look, one line each."""
    found = list(status.problems)
    if words := interruption(status):
        found.append(words)
    if status.has_drift and status.drift is not None and status.drift.evidence:
        found.append(status.drift.evidence)
    if status.running is not None:
        found.append(f"{status.running.kind} runs since {moment(status.running.started)}")
    return found


def summary(report: Report) -> list[tuple[str, Standing | None]]:
    """In parts: how many stacks, how many of each standing, waivers, what is paid for."""
    counts = {each: sum(s.standing is each for s in report.stacks) for each in Standing}
    parts: list[tuple[str, Standing | None]] = [(plural(len(report.stacks), "stack"), None)]
    parts += [(f"{count} {each.value}", each) for each, count in counts.items() if count]
    return [*parts, *((words, None) for words in _sums(report))]


def _sums(report: Report) -> Iterator[str]:
    expired = sum(each.expired_waivers for each in report.stacks)
    if expired:
        yield plural(expired, "expired waiver")
    deployed = [each for each in report.stacks if each.is_deployed]
    priced = [each.usd_per_hour for each in deployed if each.usd_per_hour is not None]
    if priced:
        yield f"USD {sum(priced):,.2f} an hour for what is deployed"
    if len(priced) < len(deployed):
        yield f"{NO_PRICE} for {len(deployed) - len(priced)}"
