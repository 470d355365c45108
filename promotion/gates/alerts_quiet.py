"""None of the source's alerts fired while it soaked, as its own Prometheus has it.

The silence of a Prometheus that was not there, or had no rules, is not quiet: it must have data
for the whole time, and know every alert of the stack. Those are what the stack's state has: the
checkout may have dropped or renamed one that has fired, or have one that was never deployed.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gate.formats.printable import one_line
from gate.stacks.alert_rules import deployed
from policies.finding import resource_of
from promotion.durations import shown_hours
from promotion.gate import GateResult, could_not_check, failed, not_demanded, passed
from promotion.prometheus import Prometheus, PrometheusError
from promotion.pulumi_stack import Resource

GATE = "alerts quiet"
_SEVERITIES = ("critical", "warning")
_LEAST_HOURS = 1.0
"""Asked for where a shorter soak is demanded, or none: a moment of silence proves nothing, and the
longest `for` of an alert that counts is an hour."""
_SETTLES = timedelta(minutes=5)
"""After an `up`: the operator loads its rules, and new targets are scraped for the first time."""
_STALE_S = 600
"""Since a group of rules was last evaluated; the longest interval in use is a minute."""
_STEP_S = 60
_MOST_POINTS = 10_000
"""Prometheus answers with 11,000 points of a series at most."""
_EVALUATED = "prometheus_rule_group_last_evaluation_timestamp_seconds"
_OWN_LABELS = frozenset({"__name__", "alertname", "alertstate"})


class _Unheard(Exception):  # noqa: N818 - it never leaves this module
    """Its silence would prove nothing; lines that say why, and what to do if not the usual."""

    def __init__(self, why: str, *details: str, remedy: str = "") -> None:
        super().__init__(why)
        self.details, self.remedy = details, remedy


@dataclass(frozen=True, slots=True)
class Window:
    """The time that is asked for: the last `hours`, but none before `since`."""

    since: datetime
    ends: datetime
    hours: float

    @classmethod
    def of(cls, since: datetime | None, soak_hours: float, now: datetime) -> "Window | None":
        """The soak that is demanded, of one that began at `since` (`soak.soaked_since`).

        Not all since then: what fired once would count for ever, and no Prometheus keeps its data
        for ever. None where the stack does not soak, or a clock is wrong.
        """
        if since is None or since > now:
            return None
        return cls(since, now, max(soak_hours, _LEAST_HOURS))

    @property
    def begins(self) -> datetime:
        return self.ends - min(self.ends - self.since, timedelta(hours=self.hours))

    @property
    def settled(self) -> datetime:
        """From here on there must be data."""
        return min(max(self.begins, self.since + _SETTLES), self.ends)

    @property
    def s(self) -> int:
        return max(1, math.ceil((self.ends - self.begins).total_seconds()))

    def __str__(self) -> str:
        if self.begins > self.since:
            length = f"the last {self.hours:g} h"
        else:
            length = f"the {shown_hours(self.s / 3_600)} since the last change"
        return f"{length} ({_time(self.begins.timestamp())} to {_time(self.ends.timestamp())})"


@dataclass(frozen=True, slots=True)
class _Watched:
    """Names of the alerts that count, and of all groups of rules that are evaluated for them."""

    alerts: Sequence[str]
    groups: Sequence[str]


def judge(
    stack: str,
    prometheus_url: str | None,
    resources: Sequence[Resource],
    window: Window | None,
    environment: Mapping[str, str],
) -> GateResult:
    """`resources` are those of the source's state.

    `environment` is that of the source's stack: PROMETHEUS_TOKEN_FILE may be in it.
    """
    if prometheus_url is None:
        return not_demanded(
            GATE, f"promotion.prometheus_url of {stack} is not set: nobody is asked"
        )
    if window is None:
        return could_not_check(
            GATE,
            f"since when {stack} soaks is not known",
            remedy="see the gate on the soak",
        )
    try:
        watched = _watched(stack, resources)
        prometheus = Prometheus.of(prometheus_url, environment)
        interval_s = _intervals_s(prometheus, watched.alerts)
        notes = _heard_all_the_time(prometheus, watched.groups, window)
        fired = list(_fired(prometheus, interval_s, window))
        quiet_since = _quiet_since(prometheus, interval_s, window) if fired else None
    except (PrometheusError, _Unheard) as error:
        remedy = getattr(error, "remedy", "") or f"correct promotion.prometheus_url of {stack}"
        return could_not_check(
            GATE,
            str(error),
            *getattr(error, "details", ()),
            remedy=f"{remedy}, or look at the alerts yourself and have the gate waived",
        )
    asked = f"of {len(interval_s)} alerts of {stack}"
    if quiet_since is None:
        return passed(GATE, f"{asked} none fired in {window}", *notes)
    passes = quiet_since + timedelta(hours=window.hours)
    return failed(
        GATE,
        f"{asked} {len({alert for alert, _ in fired})} fired in {window}",
        *(line for _, line in fired),
        remedy="find the cause by the alert's runbook (docs/runbooks/), and let the stack soak"
        f" with none firing, until {_time(_minute_up(passes.timestamp()))} at the earliest",
    )


def _watched(stack: str, resources: Sequence[Resource]) -> _Watched:
    """By the stack's state; raises _Unheard where that does not tell."""
    found = deployed(resources)
    unread = [resource_of(each.urn) for each in found if each.groups is None]
    if unread:
        raise _Unheard(
            f"the state of {stack} does not tell which alerts it has",
            *(f'PrometheusRule "{name}" is secret in part, or cannot be read' for name in unread),
            remedy="take the secret out of its rules",
        )
    alerts = [
        rule["alert"]
        for each in found
        for rule in each.rules
        if rule.get("alert") and (rule.get("labels") or {}).get("severity") in _SEVERITIES
    ]
    if not alerts:
        raise _Unheard(
            f"the state of {stack} has no alert that is {' or '.join(_SEVERITIES)}"
            f" (in {len(found)} PrometheusRules)",
            remedy=f"deploy its alerts with {stack} (docs/how-to/alerts.md)",
        )
    groups = [str(group.get("name")) for each in found for group in each.groups or ()]
    return _Watched(list(dict.fromkeys(alerts)), groups)


def _intervals_s(prometheus: Prometheus, names: Sequence[str]) -> dict[str, float]:
    """How often each alert is evaluated, by its name."""
    known = [
        (rule, group.interval)
        for group in prometheus.alert_groups()
        for rule in group.rules
        if rule.name in names
    ]
    interval_s = {rule.name: interval for rule, interval in known}
    missing = [name for name in names if name not in interval_s]
    if missing:
        raise _Unheard(
            f"{prometheus.url} lacks {len(missing)} of {len(names)} alerts of the stack",
            *(f"no rule {one_line(name)}" for name in missing),
        )
    ill = [rule for rule, _ in known if rule.health != "ok"]
    if ill:
        raise _Unheard(
            f"{prometheus.url} does not evaluate {len(ill)} of {len(names)} alerts of the stack",
            *(
                f"{one_line(rule.name)} is {rule.health}: {one_line(rule.last_error)[:200]}"
                for rule in ill
            ),
        )
    return interval_s


def _heard_all_the_time(
    prometheus: Prometheus, groups: Sequence[str], window: Window
) -> tuple[str, ...]:
    """Raises _Unheard where a part of the time is missing; what else is to be said of it."""
    remedy = f"wait until it has {window.hours:g} h without a gap"
    gaps = list(_gaps(prometheus, "count(up)", 1, window))
    if gaps:
        raise _Unheard(f"{prometheus.url} has no data for a part of {window}", *gaps, remedy=remedy)
    ours = f"{_EVALUATED}{{rule_group=~{_one_of(groups, '.*;')}}}"
    if not prometheus.query(f"count_over_time({ours}[{window.s}s])", window.ends.timestamp()):
        return (
            "Prometheus does not scrape itself: that it evaluated its rules all the time is taken"
            " from its having scraped",
        )
    fresh = f"count(count by (rule_group) ({ours} > time() - {_STALE_S}))"
    gaps = list(_gaps(prometheus, fresh, len(groups), window))
    if gaps:
        raise _Unheard(
            f"{prometheus.url} did not evaluate all rules of the stack in {window}",
            *gaps,
            remedy=remedy,
        )
    return ()


def _gaps(prometheus: Prometheus, expression: str, at_least: int, window: Window) -> Iterator[str]:
    """Times at which the value of `expression` is too small or missing, in words."""
    begins_s, ends_s = window.settled.timestamp(), window.ends.timestamp()
    step_s = max(_STEP_S, math.ceil((ends_s - begins_s) / _MOST_POINTS))
    found = prometheus.query_range(expression, begins_s, ends_s, step_s)
    there = {
        round((at_s - begins_s) / step_s)
        for series in found
        for at_s, value in series.values
        if float(value) >= at_least
    }
    gap: list[int] = []
    for place in range(math.floor((ends_s - begins_s) / step_s) + 2):
        at_s = begins_s + place * step_s
        if place not in there and at_s <= ends_s:
            gap.append(place)
        elif gap:
            first, last = (begins_s + each * step_s for each in (gap[0], gap[-1]))
            yield f"from {_time(first)} to {_time(last + step_s)}"
            gap = []


def _fired(
    prometheus: Prometheus, interval_s: Mapping[str, float], window: Window
) -> Iterator[tuple[str, str]]:
    """Name and line of each alert that fired, the longest first."""
    series = prometheus.query(
        f"count_over_time({_firing(interval_s)}[{window.s}s])", window.ends.timestamp()
    )
    found = [
        (float(each.value[1]) * interval_s[name], name, each.metric)
        for each in series
        if (name := each.metric["alertname"]) in interval_s
    ]
    for fired_s, name, labels in sorted(found, key=lambda each: (-each[0], each[1])):
        told = ", ".join(
            f"{key}={one_line(value)}"
            for key, value in sorted(labels.items())
            if key not in _OWN_LABELS
        )
        yield name, f"{one_line(name)} fired for {_minutes(fired_s)} ({told})"


def _quiet_since(
    prometheus: Prometheus, interval_s: Mapping[str, float], window: Window
) -> datetime:
    """Since when none of them fires, the end of the window where one does.

    Steps as long as the shortest interval miss nothing but in a window of more points than there
    may be: there what fired more shortly than a step may be missed.
    """
    begins_s, ends_s = window.begins.timestamp(), window.ends.timestamp()
    step_s = max(min(interval_s.values()), (ends_s - begins_s) / _MOST_POINTS)
    found = prometheus.query_range(f"count({_firing(interval_s)})", begins_s, ends_s, step_s)
    seen = [at_s for series in found for at_s, _ in series.values]
    return datetime.fromtimestamp(min(max(seen, default=ends_s) + step_s, ends_s), UTC)


def _firing(names: Iterable[str]) -> str:
    """Selects what fires of these alerts."""
    return (
        f'ALERTS{{alertstate="firing",severity=~{_one_of(_SEVERITIES)}'
        f",alertname=~{_one_of(names)}}}"
    )


def _one_of(names: Iterable[str], before: str = "") -> str:
    """A string of PromQL with a pattern that is any of the names, after `before`."""
    pattern = f"{before}({'|'.join(map(re.escape, names))})"
    return json.dumps(pattern, ensure_ascii=False)


def _minute_up(at_s: float) -> float:
    return math.ceil(at_s / 60) * 60


def _minutes(time_s: float) -> str:
    return f"{time_s / 60:.0f} min" if time_s >= 60 else f"{time_s:.0f} s"


def _time(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M %Z}"
