"""Gate "approvals": as many people as the target demands have signed this promotion.

The authors of the release, and who promotes it, are not among them.
"""

from collections.abc import Sequence
from pathlib import Path

from promotion.allowed_signers import NoAllowedSignersError
from promotion.approvals import Approval, Subject, Verdict, weigh
from promotion.gate import GateResult, could_not_check, failed, not_demanded, passed
from promotion.release import SHOWN_DIGITS
from promotion.ssh_signature import NoSshKeygenError
from stacks.settings.promotion import Promotion

GATE = "approvals"


def judge(root: Path, wanted: Subject, promotion: Promotion, authors: frozenset[str]) -> GateResult:
    """`promotion` is the target's; `authors` are mail addresses, in any case."""
    demanded = promotion.approvals
    if demanded == 0:
        return not_demanded(GATE, f"{wanted.target} demands none")
    try:
        weighed = weigh(root, wanted, promotion.approvers, authors)
    except NoAllowedSignersError as error:
        remedy = "put the approvers' public keys there (docs/how-to/approve-a-promotion.md)"
        return could_not_check(GATE, str(error), remedy=remedy)
    except NoSshKeygenError as error:
        return could_not_check(GATE, str(error), remedy="install OpenSSH's client, 8.2 or newer")
    evidence = _evidence(weighed, demanded)
    details = [f"{each.approver}: {each.words}" for each in weighed]
    if sum(each.counts for each in weighed) >= demanded:
        return passed(GATE, evidence, *details)
    return failed(GATE, evidence, *details, remedy=_remedy(wanted, promotion, weighed))


def _evidence(weighed: Sequence[Approval], demanded: int) -> str:
    """Who signed, who did not count, and in a word why; silence is in the details."""
    counted = [each.approver for each in weighed if each.counts]
    others = [
        f"{each.approver} ({each.verdict})"
        for each in weighed
        if not each.counts and each.verdict is not Verdict.NOT_SIGNED
    ]
    told = f"{len(counted)} of {demanded} signed"
    told += f": {', '.join(counted)}" if counted else ""
    return told + (f"; not counted: {', '.join(others)}" if others else "")


def _remedy(wanted: Subject, promotion: Promotion, weighed: Sequence[Approval]) -> str:
    source = f" --from {wanted.source}" if wanted.source != promotion.source else ""
    hopeless = (Verdict.COUNTS, Verdict.OWN_CHANGE, Verdict.SAME_PERSON, Verdict.NO_APPROVER)
    asked = [each.approver for each in weighed if each.verdict not in hopeless]
    command = f"`moe approve {wanted.target}{source} --release {wanted.release[:SHOWN_DIGITS]}`"
    if not asked:
        return f"nobody is left who may approve: name more approvers of {wanted.target}; {command}"
    return f"{command} by {' or '.join(asked)}, and both files committed"
