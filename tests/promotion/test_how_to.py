"""What docs/how-to/approve-a-promotion.md says to type works as it stands there."""

import re
import subprocess
from pathlib import Path

from durable.places import PACKAGE_ROOT
from promotion.approvals import Subject
from promotion.places import ALLOWED_SIGNERS
from tests.promotion.people import ANN, RELEASE, Team, fingerprint, new_key

_PAGE = PACKAGE_ROOT / "docs" / "how-to" / "approve-a-promotion.md"
_BLOCKS = re.findall(r"```sh\n(.*?)```", _PAGE.read_text(), re.DOTALL)
PROMOTION = Subject(target="prod", source="staging", release=RELEASE, after=None)


def typed(line: str, team: Team, home: Path) -> str:
    """By a shell whose git knows Ann."""
    who = f"git config --global user.email {ANN}"
    result = subprocess.run(
        ["sh", "-ec", f"{who}\n{line}"],  # noqa: S607
        cwd=team.root,
        env={"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_from_a_key_to_a_signature_that_anybody_can_check(team: Team, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    key = new_key(home / ".ssh" / "id_ed25519")
    (team.root / ALLOWED_SIGNERS).unlink()
    generate, allow = _BLOCKS[0].strip().splitlines()
    assert generate == "ssh-keygen -t ed25519 -f ~/.ssh/id_ed25519"
    typed(allow, team, home)
    team.sign(PROMOTION, ANN, key=key)
    said = typed(_BLOCKS[-1].replace("RELEASE", RELEASE), team, home)
    assert said == (
        f'Good "moe-promotion" signature for {ANN} with ED25519 key {fingerprint(key)}\n'
    )
