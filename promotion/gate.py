"""What a gate says of a promotion: one outcome, and the evidence for it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from stacks.settings.promotion import GateWaiver


class Outcome(StrEnum):
    """`not demanded` is a gate that the target's settings do not ask for."""

    PASSED = "pass"
    FAILED = "fail"
    COULD_NOT_CHECK = "could not check"
    WAIVED = "waived"
    NOT_DEMANDED = "not demanded"


@dataclass(frozen=True, slots=True)
class GateResult:
    """`evidence` is one line: what was seen, and what is demanded; `details` are further lines.

    `remedy` says what to do where it refuses. `waiver` is what let it pass, if anything did.
    """

    gate: str
    outcome: Outcome
    evidence: str
    details: Sequence[str] = ()
    remedy: str = ""
    waiver: GateWaiver | None = None

    @property
    def refuses(self) -> bool:
        return self.outcome in (Outcome.FAILED, Outcome.COULD_NOT_CHECK)


def passed(gate: str, evidence: str, *details: str) -> GateResult:
    return GateResult(gate, Outcome.PASSED, evidence, details)


def failed(gate: str, evidence: str, *details: str, remedy: str) -> GateResult:
    return GateResult(gate, Outcome.FAILED, evidence, details, remedy)


def could_not_check(gate: str, evidence: str, *details: str, remedy: str) -> GateResult:
    return GateResult(gate, Outcome.COULD_NOT_CHECK, evidence, details, remedy)


def not_demanded(gate: str, evidence: str) -> GateResult:
    return GateResult(gate, Outcome.NOT_DEMANDED, evidence)


def with_waivers(
    results: Sequence[GateResult], waivers: Sequence[GateWaiver], today: date
) -> list[GateResult]:
    """Refusals that a waiver lets pass are waived; one that has expired says so."""
    return [_with_waiver(result, waivers, today) for result in results]


def _with_waiver(result: GateResult, waivers: Sequence[GateWaiver], today: date) -> GateResult:
    ours = [each for each in waivers if each.gate == result.gate]
    if not result.refuses or not ours:
        return result
    waiver = max(ours, key=lambda each: each.expires)
    if waiver.is_expired(today):
        words = f"the waiver of {waiver.owner} has expired on {waiver.expires}"
        return replace(result, details=(*result.details, words))
    return replace(result, outcome=Outcome.WAIVED, waiver=waiver)
