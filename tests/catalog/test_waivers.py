from datetime import date, timedelta

import pytest

from catalog.waivers import from_plain, waiver_for

LAST_DAY = date(2026, 12, 31)
PLAIN = {
    "policy": "kubernetes-container-image-pinned",
    "resource": "model-server",
    "reason": "mirror is being moved",
    "owner": "team-serving",
    "expires": "2026-12-31",
}
WAIVERS = from_plain([PLAIN])


def test_a_waiver_holds_until_the_end_of_its_last_day() -> None:
    (waiver,) = WAIVERS
    assert waiver_for(WAIVERS, waiver.policy, waiver.resource, LAST_DAY) is waiver
    next_day = LAST_DAY + timedelta(days=1)
    assert waiver_for(WAIVERS, waiver.policy, waiver.resource, next_day) is None


@pytest.mark.parametrize(
    ("policy", "resource"),
    [(PLAIN["policy"], "another"), ("another", PLAIN["resource"]), ("", "")],
)
def test_a_waiver_is_of_one_policy_and_one_resource(policy: str, resource: str) -> None:
    assert waiver_for(WAIVERS, policy, resource, LAST_DAY) is None


def test_a_waiver_says_by_whom_and_why() -> None:
    assert WAIVERS[0].shown() == "waived until 2026-12-31 by team-serving: mirror is being moved"
