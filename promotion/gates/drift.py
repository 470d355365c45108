"""The gates `source drift` and `target drift`: a stack is as Pulumi recorded it.

A release that was tried on a source which somebody has changed by hand was not tried; and what is
done to a target that differs from its record is not what its preview shows.
"""

from promotion.drift import Drift, DriftOutcome
from promotion.drift_words import lines
from promotion.gate import GateResult, could_not_check, failed, passed

SOURCE = "source drift"
TARGET = "target drift"
_MOST_LINES = 20


def judge(gate: str, drift: Drift) -> GateResult:
    """`gate` is SOURCE or TARGET, and `drift` that of the source or of the target."""
    stack = drift.stack
    again = f"moe drift {stack}"
    match drift.outcome:
        case DriftOutcome.NONE:
            return passed(gate, f"{stack}: all {drift.resources} resources are as recorded")
        case DriftOutcome.NEVER_DEPLOYED if gate == TARGET:
            return passed(gate, f"{stack}: not deployed yet, so nothing can differ")
        case DriftOutcome.NEVER_DEPLOYED:
            return failed(
                gate,
                f"{stack}: not deployed, so no release was tried on it",
                remedy=f"pulumi up --stack {stack}",
            )
        case DriftOutcome.ERROR:
            return could_not_check(
                gate,
                f"{stack}: nobody knows whether it differs from what is recorded",
                *drift.reason.splitlines(),
                remedy=f"mend that, then {again}",
            )
        case DriftOutcome.DRIFTED:
            told = list(lines(drift))
            more = len(told) - _MOST_LINES
            rest = [f"and {more} more: {again}"] if more > 0 else []
            return failed(
                gate,
                f"{stack}: {len(drift.changes)} of {drift.resources} resources differ from what is"
                " recorded",
                *told[:_MOST_LINES],
                *rest,
                remedy=f"put it back (pulumi up --refresh --stack {stack}) or take it into the"
                " program; docs/how-to/drift.md",
            )
