"""Which key signs, by real configurations of git."""

import subprocess
from pathlib import Path

import pytest

from promotion.errors import PromotionError
from promotion.signing_key import signing_key

PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC ann"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of who runs the tests is read."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    return tmp_path


def configure(**values: str) -> None:
    for key, value in values.items():
        name = key.replace("_", ".")
        subprocess.run(["git", "config", "--global", name, value], check=True)  # noqa: S607


def key_in(home: Path, *parts: str) -> Path:
    path = home.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def chosen(home: Path, named: Path | None = None) -> Path:
    with signing_key(home, named) as key:
        return key


def test_a_named_key_comes_first(home: Path) -> None:
    configure(gpg_format="ssh", user_signingkey=str(key_in(home, "configured")))
    key_in(home, ".ssh", "id_ed25519")
    assert chosen(home, key_in(home, "named")) == home / "named"
    assert chosen(home, Path("~/named")) == home / "named"


def test_then_the_key_that_git_signs_by(home: Path) -> None:
    key_in(home, ".ssh", "id_ed25519")
    key_in(home, "keys", "work")
    configure(gpg_format="ssh", user_signingkey="~/keys/work")
    assert chosen(home) == home / "keys" / "work"


@pytest.mark.parametrize("value", [PUBLIC, f"key::{PUBLIC}"])
def test_a_public_key_in_the_configuration_is_a_file_for_a_moment(home: Path, value: str) -> None:
    configure(user_signingkey=value)
    with signing_key(home, None) as key:
        assert key.read_text() == f"{PUBLIC}\n"
    assert not key.exists()


def test_a_key_of_gnupg_is_none(home: Path) -> None:
    usual = key_in(home, ".ssh", "id_ed25519")
    configure(user_signingkey="0A46826A")
    assert chosen(home) == usual


def test_the_usual_key(home: Path) -> None:
    usual = key_in(home, ".ssh", "id_ed25519")
    assert chosen(home) == usual


def test_no_key(home: Path) -> None:
    with pytest.raises(PromotionError, match="id_ed25519: there is none; name one by --key"):
        chosen(home)
    with pytest.raises(PromotionError, match="key lost: there is none"):
        chosen(home, Path("lost"))
