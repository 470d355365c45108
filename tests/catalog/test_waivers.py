from datetime import date, timedelta

import pytest
from pydantic import ValidationError

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


@pytest.mark.parametrize("reason", ["", "   ", "soon\ncould not check: no", "soon\r\nlater"])
def test_a_reason_is_one_line(reason: str) -> None:
    with pytest.raises(ValidationError):
        from_plain([{**PLAIN, "reason": reason}])


def test_yaml_ends_a_folded_text_by_a_newline() -> None:
    assert from_plain([{**PLAIN, "reason": "soon\n"}])[0].reason == "soon"


@pytest.mark.parametrize(
    "day",
    [LAST_DAY, "2026-12-31T00:00:00Z", "2026-12-31 00:00:00", "2026-12-31 00:00:00 +0000 UTC"],
)
def test_a_day_without_quotes_is_the_same_day(day: object) -> None:
    assert from_plain([{**PLAIN, "expires": day}])[0].expires == LAST_DAY


@pytest.mark.parametrize("day", ["31.12.2026", "2026-12-31T12:00:00Z", "", 20261231])
def test_anything_else_is_no_day(day: object) -> None:
    with pytest.raises(ValidationError):
        from_plain([{**PLAIN, "expires": day}])
