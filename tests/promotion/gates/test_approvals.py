"""Gate "approvals": as many as are demanded, and in words who counts and who does not."""

from pathlib import Path

import pytest

from promotion.approvals import Subject
from promotion.gate import GateResult, Outcome
from promotion.gates import approvals
from promotion.places import ALLOWED_SIGNERS
from stacks.settings.promotion import Promotion
from tests.promotion.people import ANN, BOB, CAT, RELEASE, Team, fingerprint

WANTED = Subject(target="prod", source="staging", release=RELEASE, after=None)
COMMAND = f"`moe approve prod --release {RELEASE[:12]}`"


def demands(number: int, *approvers: str) -> Promotion:
    return Promotion(source="staging", approvals=number, approvers=approvers)


def judge(team: Team, promotion: Promotion, *authors: str) -> GateResult:
    return approvals.judge(team.root, WANTED, promotion, frozenset(authors))


def test_enough_have_signed(team: Team) -> None:
    for name in (ANN, CAT):
        team.sign(WANTED, name)
    result = judge(team, demands(2, ANN, BOB, CAT), BOB)
    assert result.gate == "approvals"
    assert result.outcome is Outcome.PASSED
    assert result.evidence == f"2 of 2 signed: {ANN}, {CAT}; not counted: {BOB} (own change)"
    assert result.details == (
        f"{ANN}: signed at 2026-11-28T12:00:05Z by {fingerprint(team.keys[ANN])}",
        f"{BOB}: an author of this change",
        f"{CAT}: signed at 2026-11-28T12:00:05Z by {fingerprint(team.keys[CAT])}",
    )


def test_too_few_have_signed(team: Team) -> None:
    team.sign(WANTED, ANN)
    result = judge(team, demands(2, ANN, BOB, CAT))
    assert result.outcome is Outcome.FAILED
    assert result.evidence == f"1 of 2 signed: {ANN}"
    assert result.remedy == f"{COMMAND} by {BOB} or {CAT}, and both files committed"


def test_nobody_has_signed(team: Team) -> None:
    result = judge(team, demands(1, ANN))
    assert result.outcome is Outcome.FAILED
    assert result.evidence == "0 of 1 signed"
    assert result.details == (f"{ANN}: has not signed",)


def test_each_reason_is_in_the_evidence(team: Team) -> None:
    stale = Subject.model_validate({**WANTED.model_dump(), "after": "1" * 64})
    team.sign(stale, ANN)
    team.forge(WANTED, BOB, team.keys[CAT])
    team.sign(WANTED, CAT)
    result = judge(team, demands(2, ANN, BOB))
    assert result.evidence == (
        f"0 of 2 signed; not counted: {ANN} (stale), {BOB} (bad signature), {CAT} (no approver)"
    )
    assert result.remedy == f"{COMMAND} by {ANN} or {BOB}, and both files committed"


def test_where_nobody_is_left(team: Team) -> None:
    result = judge(team, demands(1, ANN), ANN)
    assert result.outcome is Outcome.FAILED
    assert result.remedy == (
        f"nobody is left who may approve: name more approvers of prod; {COMMAND}"
    )


def test_another_source_is_in_the_command(team: Team) -> None:
    promotion = Promotion(source="dev", approvals=1, approvers=(ANN,))
    assert judge(team, promotion).remedy.startswith(
        f"`moe approve prod --from staging --release {RELEASE[:12]}`"
    )


def test_none_are_demanded(tmp_path: Path) -> None:
    result = judge(Team(tmp_path, {}), demands(0, ANN))
    assert result.outcome is Outcome.NOT_DEMANDED
    assert result.evidence == "prod demands none"


@pytest.mark.parametrize("how", ["missing", "a folder"])
def test_without_allowed_signers(team: Team, how: str) -> None:
    team.sign(WANTED, ANN)
    (team.root / ALLOWED_SIGNERS).unlink()
    if how == "a folder":
        (team.root / ALLOWED_SIGNERS).mkdir()
    result = judge(team, demands(1, ANN))
    assert result.outcome is Outcome.COULD_NOT_CHECK
    assert result.evidence.startswith("releases/allowed_signers cannot be read: ")
    assert "docs/how-to/approve-a-promotion.md" in result.remedy


def test_without_ssh_keygen(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    team.sign(WANTED, ANN)
    monkeypatch.setenv("PATH", "")
    result = judge(team, demands(1, ANN))
    assert result.outcome is Outcome.COULD_NOT_CHECK
    assert result.evidence == "ssh-keygen is not on PATH; install OpenSSH's client"
