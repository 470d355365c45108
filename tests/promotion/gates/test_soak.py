from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.gate import Outcome
from promotion.gates.soak import judge, soaked_since
from promotion.pulumi_stack import Update

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SAME = {"same": 40}


def update(
    ago_h: float,
    kind: str = "update",
    result: str = "succeeded",
    changes: Mapping[str, int] | None = None,
    *,
    ends: bool = True,
) -> Update:
    """One that ended `ago_h` hours before NOW, after ten minutes."""
    ended = NOW - timedelta(hours=ago_h)
    return Update(
        version=1,
        kind=kind,
        result=result,
        started=ended - timedelta(minutes=10),
        ended=ended if ends else None,
        message="",
        changes={"same": 40, "update": 2} if changes is None else changes,
    )


def test_long_enough_passes_and_says_how_long() -> None:
    result = judge("dev", [update(24)], 24, NOW)
    assert result.outcome is Outcome.PASSED
    assert result.evidence == ("dev has soaked 1 d since 2026-11-27 12:00 UTC; 24 h are demanded")


def test_a_second_too_short_fails_and_says_until_when() -> None:
    result = judge("dev", [update(24)], 24, NOW - timedelta(seconds=1))
    assert result.outcome is Outcome.FAILED
    assert "soaked 23 h 59 min" in result.evidence
    assert "24 h are demanded, 1 min are left" in result.evidence
    assert result.remedy == "wait until 2026-11-28 12:00 UTC"


def test_what_changed_nothing_starts_no_soak() -> None:
    quiet = [update(1, changes=SAME), update(2, "refresh", changes=SAME), update(3, "rename")]
    assert soaked_since([*quiet[:2], update(30)]) == NOW - timedelta(hours=30)
    assert judge("dev", [*quiet[:2], update(30)], 24, NOW).outcome is Outcome.PASSED


def test_a_preview_is_nothing_that_ran() -> None:
    assert soaked_since([update(0, "preview"), update(30)]) == NOW - timedelta(hours=30)
    assert judge("dev", [update(0, "preview")], 1, NOW).outcome is Outcome.FAILED


@pytest.mark.parametrize("result", ["failed", "in-progress", "not-started"])
def test_one_that_did_not_succeed_fails_however_long_ago(result: str) -> None:
    updates = [update(100, result=result, changes=SAME), update(200)]
    assert soaked_since(updates) is None
    judged = judge("dev", updates, 24, NOW)
    assert judged.outcome is Outcome.FAILED
    assert f"is {result}" in judged.evidence


def test_a_failure_that_was_mended_starts_the_soak_anew() -> None:
    updates = [update(5, changes=SAME), update(6, result="failed", changes=SAME), update(30)]
    assert soaked_since(updates) == NOW - timedelta(hours=6)


def test_of_a_killed_one_the_soak_starts_at_the_end_of_the_next() -> None:
    killed = update(6, result="in-progress", changes={}, ends=False)
    assert soaked_since([update(5, changes=SAME), killed, update(30)]) == NOW - timedelta(hours=5)


def test_an_import_of_a_state_counts_as_a_change() -> None:
    assert soaked_since([update(2, "import", changes={}), update(30)]) == NOW - timedelta(hours=2)


def test_a_destroyed_stack_does_not_soak() -> None:
    updates = [update(50, "destroy", changes={"delete": 40}), update(60)]
    assert soaked_since(updates) is None
    judged = judge("dev", updates, 24, NOW)
    assert judged.outcome is Outcome.FAILED
    assert "was destroyed by destroy of 2026-11-26" in judged.evidence


def test_no_update_at_all_fails() -> None:
    judged = judge("dev", [], 24, NOW)
    assert judged.outcome is Outcome.FAILED
    assert judged.evidence == "dev has never been brought up; 24 h are demanded"


def test_an_end_in_the_future_is_a_wrong_clock() -> None:
    judged = judge("dev", [update(-1)], 24, NOW)
    assert judged.outcome is Outcome.COULD_NOT_CHECK
    assert "2026-11-28 13:00:00 UTC, which is after 2026-11-28 12:00:00 UTC" in judged.evidence


def test_an_end_that_is_not_on_record_cannot_be_checked() -> None:
    assert judge("dev", [update(9, ends=False)], 1, NOW).outcome is Outcome.COULD_NOT_CHECK


@pytest.mark.parametrize("updates", [[], [update(0, result="failed")], [update(1)]])
def test_without_a_demand_nothing_is_judged(updates: list[Update]) -> None:
    assert judge("dev", updates, 0, NOW).outcome is Outcome.NOT_DEMANDED


UPDATES = st.builds(
    update,
    st.floats(0, 500),
    st.sampled_from(["update", "refresh", "destroy", "import", "preview", "rename"]),
    st.sampled_from(["succeeded", "failed", "in-progress"]),
    st.sampled_from([SAME, {}, {"same": 1, "replace": 1}]),
    ends=st.booleans(),
)


@given(st.lists(UPDATES, max_size=8), st.floats(0.01, 400))
def test_it_passes_only_after_a_success_with_nothing_new_within_the_time(
    updates: list[Update], soak_hours: float
) -> None:
    updates = sorted(updates, key=lambda each: each.started, reverse=True)
    if judge("dev", updates, soak_hours, NOW).outcome is not Outcome.PASSED:
        return
    ran = [each for each in updates if each.kind != "preview"]
    begins = NOW - timedelta(hours=soak_hours)
    assert ran[0].result == "succeeded"
    for each in ran:
        if each.ended is not None and each.ended > begins:
            assert not each.changed_anything
            assert each.result == "succeeded"
            assert each.kind != "import"


@given(st.lists(UPDATES, max_size=8), st.floats(0.01, 400), st.floats(0, 1000))
def test_who_passes_once_passes_later_while_nothing_happens(
    updates: list[Update], soak_hours: float, more_h: float
) -> None:
    updates = sorted(updates, key=lambda each: each.started, reverse=True)
    if judge("dev", updates, soak_hours, NOW).outcome is Outcome.PASSED:
        later = judge("dev", updates, soak_hours, NOW + timedelta(hours=more_h))
        assert later.outcome is Outcome.PASSED


@given(st.lists(UPDATES, max_size=8), st.floats(0.01, 400))
def test_a_change_of_now_undoes_every_soak(updates: list[Update], soak_hours: float) -> None:
    newest = replace(update(0), started=NOW)
    assert judge("dev", [newest, *updates], soak_hours, NOW).outcome is Outcome.FAILED
