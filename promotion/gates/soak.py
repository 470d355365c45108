"""The source has run as it is for long enough: nothing has changed it since."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from promotion.durations import shown_hours
from promotion.gate import GateResult, could_not_check, failed, not_demanded, passed
from promotion.pulumi_stack import Update

GATE = "soak"
_DESTROY = "destroy"
_IMPORT = "import"
_PREVIEW = "preview"


def judge(stack: str, updates: Sequence[Update], soak_hours: float, now: datetime) -> GateResult:
    """`updates` are those of the source, the newest first; `now` has a time zone."""
    if soak_hours == 0:
        return not_demanded(GATE, "no soak is demanded (promotion.soak_hours is 0)")
    ran = those_that_ran(updates)
    if not ran:
        return failed(
            GATE,
            f"{stack} has never been brought up; {soak_hours:g} h are demanded",
            remedy=f"bring it up with the release: pulumi up --stack {stack}",
        )
    newest = ran[0]
    if not newest.succeeded:
        return failed(
            GATE,
            f"the newest {named(newest)} of {stack} is {newest.result};"
            f" {soak_hours:g} h after one that succeeded are demanded",
            remedy=f"bring {stack} up again, and let it soak",
        )
    disturbing = _disturbing(ran)
    if _is_destroyed(disturbing):
        return failed(
            GATE,
            f"{stack} was destroyed by {named(disturbing)}; {soak_hours:g} h are demanded",
            remedy=f"bring it up with the release: pulumi up --stack {stack}",
        )
    since = soaked_since(updates)
    if since is None:
        return could_not_check(
            GATE,
            f"{stack} has no end of {named(newest)} on record",
            remedy=f"bring {stack} up again, and let it soak",
        )
    if since > now:
        return could_not_check(
            GATE,
            f"{stack} was last changed at {since:%Y-%m-%d %H:%M:%S %Z}, which is after"
            f" {now:%Y-%m-%d %H:%M:%S %Z}, the time of this machine",
            remedy="set the clock of the machine that is wrong",
        )
    soaked, demanded = now - since, timedelta(hours=soak_hours)
    seen = f"{stack} has soaked {_shown(soaked)} since {since:%Y-%m-%d %H:%M %Z}"
    if soaked >= demanded:
        return passed(GATE, f"{seen}; {soak_hours:g} h are demanded")
    return failed(
        GATE,
        f"{seen}; {soak_hours:g} h are demanded, {_shown_up(demanded - soaked)} are left",
        remedy=f"wait until {since + demanded:%Y-%m-%d %H:%M %Z}",
    )


def soaked_since(updates: Sequence[Update]) -> datetime | None:
    """When a stack was last changed; None where it does not run as its last update left it.

    That is with no update, after a destroy, and where the newest has failed or still runs. A
    failure before one that succeeded counts as a change: what it left half done was there.
    """
    ran = those_that_ran(updates)
    if not ran or not ran[0].succeeded or _is_destroyed(_disturbing(ran)):
        return None
    return changed_at(ran)


def changed_at(ran: Sequence[Update]) -> datetime | None:
    """When the newest that may have changed something ended, be it a failure or a destroy.

    `ran` are those that ran, the newest first; None where there is none, or none has an end.
    """
    if not ran:
        return None
    # Of one that was killed nobody knows the end: the next one saw what it left.
    since = reversed(ran[: ran.index(_disturbing(ran)) + 1])
    return next((update.ended for update in since if update.ended is not None), None)


def those_that_ran(updates: Sequence[Update]) -> list[Update]:
    """Without previews, which a backend may list too."""
    return [update for update in updates if update.kind != _PREVIEW]


def named(update: Update) -> str:
    return f"{update.kind} of {update.started:%Y-%m-%d %H:%M %Z}"


def _disturbing(ran: Sequence[Update]) -> Update:
    """The newest that may have changed something; else the oldest that is on record."""
    found = (update for update in ran if _may_have_changed(update))
    return next(found, ran[-1])


def _may_have_changed(update: Update) -> bool:
    # An import replaces what is on record, and is counted by no operation.
    return update.changed_anything or not update.succeeded or update.kind == _IMPORT


def _is_destroyed(disturbing: Update) -> bool:
    return disturbing.kind == _DESTROY and disturbing.succeeded


def _shown(time: timedelta) -> str:
    return shown_hours(time.total_seconds() / 3_600)


def _shown_up(time: timedelta) -> str:
    """To the next minute: what is left is never nothing."""
    return shown_hours(math.ceil(time.total_seconds() / 60) / 60)
