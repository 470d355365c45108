"""What a check finds: one row of the table."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """`warn` is a risk or what could not be checked; after a `fail` an `up` cannot succeed."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """`advice` is what to do about it, empty where there is nothing to do."""

    check: str
    verdict: Verdict
    found: str
    advice: str = ""


def ok(check: str, found: str) -> Finding:
    return Finding(check, Verdict.OK, found)


def warn(check: str, found: str, advice: str) -> Finding:
    return Finding(check, Verdict.WARN, found, advice)


def fail(check: str, found: str, advice: str) -> Finding:
    return Finding(check, Verdict.FAIL, found, advice)


def worst(findings: Iterable[Finding]) -> Verdict:
    """`ok` for none at all."""
    return max((each.verdict for each in findings), key=list(Verdict).index, default=Verdict.OK)
