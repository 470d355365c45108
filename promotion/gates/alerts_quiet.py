"""None of the source's alerts fired while it soaked, as its own Prometheus has it.

The silence of a Prometheus that was not there, or had no rules, is not quiet: it must have data
for the whole time, and know every alert of the stack.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from catalog.alerts import RuleGroup, rule_groups
from gate.formats.printable import one_line
from promotion.gate import GateResult, could_not_check, failed, not_demanded, passed
from promotion.prometheus import Prometheus, PrometheusError
from stacks.settings import Settings

GATE = "alerts quiet"
_SEVERITIES = ("critical", "warning")
_SETTLES_S = 300
"""After an `up`: the operator loads its rules, and new targets are scraped for the first time."""
_STALE_S = 600
"""Since a group of rules was last evaluated; the longest interval in use is a minute."""
_STEP_S = 60
_MOST_POINTS = 10_000
"""Prometheus answers with 11,000 points of a series at most."""
_EVALUATED = "prometheus_rule_group_last_evaluation_timestamp_seconds"
_OWN_LABELS = frozenset({"__name__", "alertname", "alertstate"})


class _Unheard(Exception):  # noqa: N818 - it never leaves this module
    """Its silence would prove nothing; lines that say why."""

    def __init__(self, why: str, *details: str) -> None:
        super().__init__(why)
        self.details = details


@dataclass(frozen=True, slots=True)
class _Window:
    begins: datetime
    ends: datetime

    @property
    def s(self) -> int:
        return max(1, math.ceil((self.ends - self.begins).total_seconds()))

    def __str__(self) -> str:
        return f"{self.begins:%Y-%m-%d %H:%M %Z} to {self.ends:%Y-%m-%d %H:%M %Z}"


def groups_of(settings: Settings) -> list[RuleGroup]:
    """Those that a stack of these settings has; their names do not depend on how it starts."""
    return rule_groups(settings.served(startup_s=0), settings.alerts)


def judge(
    stack: str,
    prometheus_url: str | None,
    groups: Sequence[RuleGroup],
    since: datetime | None,
    now: datetime,
    environment: Mapping[str, str],
) -> GateResult:
    """`groups` are the source's, `since` is when its soak began (`soak.soaked_since`).

    `environment` is that of the source's stack: PROMETHEUS_TOKEN_FILE may be in it.
    """
    if prometheus_url is None:
        return not_demanded(
            GATE, f"promotion.prometheus_url of {stack} is not set: nobody is asked"
        )
    if since is None or since > now:
        return could_not_check(
            GATE,
            f"since when {stack} soaks is not known",
            remedy="see the gate on the soak",
        )
    window = _Window(since, now)
    try:
        prometheus = Prometheus.of(prometheus_url, environment)
        interval_s = _intervals_s(prometheus, groups)
        notes = _heard_all_the_time(prometheus, [group.name for group in groups], window)
        fired = list(_fired(prometheus, interval_s, window))
    except (PrometheusError, _Unheard) as error:
        return could_not_check(
            GATE,
            str(error),
            *getattr(error, "details", ()),
            remedy=f"correct promotion.prometheus_url of {stack}, or look at the alerts yourself"
            " and have the gate waived",
        )
    asked = f"of {len(interval_s)} alerts of {stack}"
    if not fired:
        return passed(GATE, f"{asked} none fired from {window}", *notes)
    return failed(
        GATE,
        f"{asked} {len({alert for alert, _ in fired})} fired from {window}",
        *(line for _, line in fired),
        remedy="find the cause by the alert's runbook (docs/runbooks/), and let the stack soak",
    )


def _intervals_s(prometheus: Prometheus, groups: Sequence[RuleGroup]) -> dict[str, float]:
    """How often each alert that counts is evaluated, by its name."""
    known = {
        rule.name: (rule, group.interval)
        for group in prometheus.alert_groups()
        for rule in group.rules
    }
    names = [a.name for group in groups for a in group.alerts if a.severity in _SEVERITIES]
    missing = [name for name in names if name not in known]
    if missing:
        raise _Unheard(
            f"{prometheus.url} lacks {len(missing)} of {len(names)} alerts of the stack",
            *(f"no rule {name}" for name in missing),
        )
    ill = [known[name][0] for name in names if known[name][0].health != "ok"]
    if ill:
        raise _Unheard(
            f"{prometheus.url} does not evaluate {len(ill)} of {len(names)} alerts of the stack",
            *(f"{rule.name} is {rule.health}: {one_line(rule.last_error)[:200]}" for rule in ill),
        )
    return {name: known[name][1] for name in names}


def _heard_all_the_time(
    prometheus: Prometheus, groups: Sequence[str], window: _Window
) -> tuple[str, ...]:
    """Raises _Unheard where a part of the time is missing; what else is to be said of it."""
    gaps = list(_gaps(prometheus, "count(up)", 1, window))
    if gaps:
        raise _Unheard(f"{prometheus.url} has no data for a part of the soak", *gaps)
    ours = f'{_EVALUATED}{{rule_group=~".*;({"|".join(groups)})"}}'
    if not prometheus.query(f"count_over_time({ours}[{window.s}s])", window.ends.timestamp()):
        return (
            "Prometheus does not scrape itself: that it evaluated its rules all the time is taken"
            " from its having scraped",
        )
    fresh = f"count(count by (rule_group) ({ours} > time() - {_STALE_S}))"
    gaps = list(_gaps(prometheus, fresh, len(groups), window))
    if gaps:
        raise _Unheard(
            f"{prometheus.url} did not evaluate all rules of the stack during the soak", *gaps
        )
    return ()


def _gaps(prometheus: Prometheus, expression: str, at_least: int, window: _Window) -> Iterator[str]:
    """Times at which the value of `expression` is too small or missing, in words."""
    begins_s, ends_s = window.begins.timestamp() + _SETTLES_S, window.ends.timestamp()
    begins_s = min(begins_s, ends_s)
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
    prometheus: Prometheus, interval_s: Mapping[str, float], window: _Window
) -> Iterator[tuple[str, str]]:
    """Name and line of each alert that fired, the longest first."""
    if not interval_s:
        return
    selector = (
        f'alertstate="firing",severity=~"{"|".join(_SEVERITIES)}"'
        f',alertname=~"{"|".join(interval_s)}"'
    )
    series = prometheus.query(
        f"count_over_time(ALERTS{{{selector}}}[{window.s}s])", window.ends.timestamp()
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
        yield name, f"{name} fired for {_minutes(fired_s)} ({told})"


def _minutes(time_s: float) -> str:
    return f"{time_s / 60:.0f} min" if time_s >= 60 else f"{time_s:.0f} s"


def _time(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M %Z}"
