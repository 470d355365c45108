"""What refuses, and what a waiver lets pass until its day."""

from datetime import date, timedelta

import pytest

from promotion.gate import (
    GateResult,
    Outcome,
    could_not_check,
    failed,
    not_demanded,
    passed,
    with_waivers,
)
from stacks.settings.promotion import GateWaiver

DAY = date(2026, 11, 28)
RESULTS = [
    passed("soak", "seen", "detail"),
    failed("soak", "seen", "detail", remedy="wait"),
    could_not_check("soak", "seen", "detail", remedy="wait"),
    not_demanded("soak", "seen"),
]


def waiver(gate: str = "soak", expires: date = DAY) -> GateWaiver:
    return GateWaiver.model_validate(
        {"gate": gate, "reason": "the world is on fire", "owner": "ada", "expires": str(expires)}
    )


@pytest.mark.parametrize("result", RESULTS)
def test_what_failed_or_could_not_be_checked_refuses(result: GateResult) -> None:
    assert result.refuses == (result.outcome in ("fail", "could not check"))
    assert bool(result.remedy) == result.refuses


@pytest.mark.parametrize("result", RESULTS)
def test_a_waiver_lets_a_refusal_pass_and_changes_nothing_else(result: GateResult) -> None:
    (found,) = with_waivers([result], [waiver("cost"), waiver()], DAY)
    assert not found.refuses
    if not result.refuses:
        assert found == result
        return
    assert (found.outcome, found.waiver) == (Outcome.WAIVED, waiver())
    assert (found.evidence, found.details) == (result.evidence, result.details)


@pytest.mark.parametrize("result", [each for each in RESULTS if each.refuses])
def test_it_counts_to_the_end_of_its_day_and_then_says_so(result: GateResult) -> None:
    (found,) = with_waivers([result], [waiver()], DAY + timedelta(days=1))
    assert found.outcome == result.outcome
    assert found.waiver is None
    assert list(found.details) == ["detail", "the waiver of ada has expired on 2026-11-28"]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("result", [each for each in RESULTS if each.refuses])
def test_of_several_the_longest_counts(result: GateResult, turned: bool) -> None:
    """Wherever it stands: the old one is left in the file beside the new one."""
    old, new = waiver(expires=DAY - timedelta(days=1)), waiver(expires=DAY)
    both = [new, old] if turned else [old, new]
    (found,) = with_waivers([result], both, DAY)
    assert found.waiver == new
    (found,) = with_waivers([result], both, DAY + timedelta(days=1))
    assert found.outcome == result.outcome
    assert list(found.details) == ["detail", f"the waiver of ada has expired on {DAY}"]


def test_a_waiver_of_another_gate_lets_nothing_pass() -> None:
    assert with_waivers(RESULTS, [waiver("cost")], DAY) == RESULTS
