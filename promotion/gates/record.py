"""Gate: the target's record is intact, so that what it says of earlier moves can be relied on."""

from collections.abc import Sequence

from promotion.gate import GateResult, failed, passed
from promotion.verify import RecordProblem

GATE = "record"


def judge(problems: Sequence[RecordProblem]) -> GateResult:
    if not problems:
        return passed(GATE, "nothing is missing in the record, and nothing was changed")
    count = len(problems)
    return failed(
        GATE,
        f"{count} thing{'s' * (count > 1)} wrong with the record: {problems[0]}",
        *map(str, problems[1:]),
        remedy=(
            "get the newest commit; if it stays, `git log -- releases` shows who changed what:"
            " restore what was there"
        ),
    )
