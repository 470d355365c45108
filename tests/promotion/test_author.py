"""Who does it, and who wrote a commit, by the real git."""

from pathlib import Path

import pytest

from promotion.author import Author, current, of_commit
from promotion.errors import PromotionError
from tests.promotion.people import new_key
from tests.promotion.repositories import git, new_repository


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of the machine's user."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    new_repository(tmp_path / "repository", {"a": "1"})
    return tmp_path / "repository"


def test_it_is_who_git_says(root: Path) -> None:
    assert current(root) == Author("Ada", "ada@example.com")
    assert str(current(root)) == "Ada <ada@example.com>"


@pytest.mark.parametrize("key", ["user.name", "user.email"])
def test_without_a_name_or_an_address_it_says_what_to_do(root: Path, key: str) -> None:
    git(root, "config", "--unset", key)
    with pytest.raises(PromotionError, match="git config"):
        current(root)


def test_the_author_of_a_commit_is_not_who_committed_it(root: Path) -> None:
    name = "Éve (Ops) Smith"
    git(root, "commit", "--quiet", "--allow-empty", f"--author={name} <eve@example.com>", "-mx")
    assert of_commit(root, "HEAD") == {"eve@example.com"}


def test_what_git_says_of_a_signature_is_no_author(root: Path, tmp_path: Path) -> None:
    """Settings of a user may show it, in lines before the format's."""
    key = new_key(tmp_path / "key")
    git(root, "config", "gpg.format", "ssh")
    git(root, "config", "user.signingkey", str(key))
    git(root, "config", "log.showSignature", "true")
    git(root, "commit", "--quiet", "--allow-empty", "--gpg-sign", "-mx")
    assert len(git(root, "show", "--no-patch", "--format=%ae", "HEAD").splitlines()) > 1
    assert of_commit(root, "HEAD") == {"ada@example.com"}


def test_a_commit_that_is_not_here_has_none(root: Path) -> None:
    assert of_commit(root, "f" * 40) == frozenset()
