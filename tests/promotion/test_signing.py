"""Signing with real keys: on a terminal, by an agent, and what leaves nothing behind."""

import subprocess
import sys
from pathlib import Path

import pytest

from promotion.approvals import Subject, statement, weigh
from promotion.errors import PromotionError
from tests.promotion.people import ANN, BOB, NOW, RELEASE, Team, fingerprint, new_key, public
from tests.promotion.terminal import talk

PROMOTION = Subject(target="prod", source="staging", release=RELEASE, after=None)


def counts(team: Team) -> bool:
    (approval,) = weigh(team.root, PROMOTION, [ANN], [])
    return approval.counts


def test_signing_with_a_key_that_is_not_the_approvers_leaves_nothing(team: Team) -> None:
    with pytest.raises(PromotionError) as caught:
        team.sign(PROMOTION, ANN, key=team.keys[BOB])
    assert f"the key {fingerprint(team.keys[BOB])} is none that" in str(caught.value)
    assert not team.approvals()


def test_a_wrong_key_spoils_no_approval_that_is_there(team: Team) -> None:
    team.sign(PROMOTION, ANN)
    with pytest.raises(PromotionError):
        team.sign(PROMOTION, ANN, key=team.keys[BOB])
    assert counts(team)


def test_an_unknown_approver_is_told_which_line_is_missing(team: Team) -> None:
    with pytest.raises(PromotionError, match='add a line `eve namespaces="moe-promotion" <public'):
        team.sign(PROMOTION, "eve", key=team.keys[BOB])
    assert not team.approvals()


def test_a_key_that_cannot_be_used(team: Team, tmp_path: Path) -> None:
    key = new_key(tmp_path / "locked", passphrase="secret")
    team.allow(f"{ANN} {public(key)}")
    with pytest.raises(PromotionError, match="locked: could not sign: .*incorrect passphrase"):
        team.sign(PROMOTION, ANN, key=key)
    assert not team.approvals()


_SIGN_ALONE = """
import sys
from pathlib import Path
from promotion.approvals import sign, Statement
root, said, name, key = sys.argv[1:]
print(sign(Path(root), Statement.model_validate_json(said), name, Path(key)))
"""


def test_a_passphrase_is_asked_for_on_the_terminal(team: Team, tmp_path: Path) -> None:
    key = new_key(tmp_path / "locked", passphrase="open sesame")
    team.allow(f"{ANN} {public(key)}")
    said = statement(PROMOTION, NOW).content.decode()
    command = [sys.executable, "-c", _SIGN_ALONE, team.root, said, ANN, key]
    code, shown = talk(command, {"passphrase": "open sesame"})
    assert code == 0, shown
    assert "open sesame" not in shown
    assert counts(team)


def test_the_private_half_may_stay_with_an_agent(
    team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE)  # noqa: S607
    try:
        assert agent.stdout is not None
        agent.stdout.readline()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        subprocess.run(["ssh-add", "-q", team.keys[ANN]], check=True)  # noqa: S607
        alone = tmp_path / "alone.pub"
        alone.write_text(public(team.keys[ANN]) + "\n")
        team.sign(PROMOTION, ANN, key=alone)
        assert counts(team)
    finally:
        agent.terminate()
        agent.wait()
