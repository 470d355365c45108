"""A waiver names a policy that there is, is complete, ends soon, and has not ended."""

import difflib
from collections.abc import Sequence
from datetime import date, timedelta

from pulumi_policy import PolicyConfigSchema, PolicyResource, Severity, StackValidationPolicy
from pydantic import ValidationError

from catalog.waivers import Waiver
from policies.review import Config, Place, Review, of_stack
from policies.waivers.granted import HOLD, read

_MAX_DAYS = 90


def _check(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
    place = Place("waivers", "")
    try:
        waivers = read()
    except ValidationError as error:
        for each in error.errors():
            where = ".".join(str(part) for part in each["loc"])
            review.refuse(
                place,
                found=f"{where or 'an entry'}: {each['msg']}",
                allowed="policy, resource, reason, owner and expires",
                fix="complete the waiver; until then none of the stack's holds",
            )
        return
    known = _names()
    for waiver in waivers:
        _check_one(review, waiver, known, int(config.get("maxDays", _MAX_DAYS)))


def _check_one(review: Review, waiver: Waiver, known: Sequence[str], max_days: int) -> None:
    place = Place(f"waiver of {waiver.policy} for {waiver.resource}", "")
    today = date.today()
    latest = today + timedelta(days=max_days)
    if waiver.is_expired(today):
        review.refuse(
            place,
            found=f"expired on {waiver.expires}",
            allowed=f"a day from {today} to {latest}",
            fix=f"mend what it let pass, or let {waiver.owner} renew it",
        )
    elif waiver.expires > latest:
        review.refuse(
            place,
            found=f"expires {waiver.expires}",
            allowed=f"{latest} at the latest, {max_days} days from now",
            fix="set an earlier day, and renew it then if it must be",
        )
    if waiver.policy == HOLD:
        review.refuse(
            place,
            found="the policy on waivers",
            allowed="any other policy",
            fix="correct or renew the waivers that it refuses",
        )
    if waiver.policy not in known:
        close = difflib.get_close_matches(waiver.policy, known, n=1)
        review.refuse(
            place,
            found=f"policy {waiver.policy}, which the pack does not have",
            allowed=f"{close[0]}?" if close else "the name of a policy",
            fix="correct the name",
        )


def _names() -> list[str]:
    # Not above: the pack lists this module too.
    from policies.pack import listed

    return [each.policy.name for each in listed()]


POLICY = StackValidationPolicy(
    name=HOLD,
    display_name="Waivers are complete, and end",
    description="A waiver names a policy of the pack, its owner and its reason, and ends within"
    " the longest time that the pack allows.",
    validate=of_stack(_check),
    severity=Severity.HIGH,
    tags=["waivers"],
    remediation_steps="Mend what an expired waiver let pass, or have its owner renew it in the"
    " stack's file.",
    url="https://www.pulumi.com/docs/insights/policy/",
    config_schema=PolicyConfigSchema(
        properties={
            "maxDays": {
                "type": "integer",
                "description": "Longest time from now for which a waiver may be granted, in days.",
                "minimum": 1,
                "default": _MAX_DAYS,
            }
        }
    ),
)
