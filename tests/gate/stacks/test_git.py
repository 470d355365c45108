"""What a check asks of git."""

import subprocess
from pathlib import Path

import pytest

from gate.stacks import git


def run(root: Path, *arguments: str) -> None:
    author = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", *author, *arguments], cwd=root, check=True)  # noqa: S607


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """On a branch that left `main` with one commit of its own."""
    folder = tmp_path / "repository"
    folder.mkdir()
    run(folder, "init", "--quiet", "--initial-branch", "main")
    (folder / ".gitignore").write_text("ignored\n")
    (folder / "a").write_text("main")
    run(folder, "add", "-A")
    run(folder, "commit", "-qm", "first")
    run(folder, "switch", "-qc", "change")
    (folder / "a").write_text("change")
    run(folder, "commit", "-qam", "second")
    return folder


def test_files_are_those_that_a_commit_would_take(root: Path) -> None:
    for name in ("new", "ignored", "ä b"):
        (root / name).write_text("")
    (root / "a").unlink()
    assert {str(path) for path in git.files(root)} == {".gitignore", "new", "ä b"}


def test_where_a_branch_began_is_its_base(root: Path, tmp_path: Path) -> None:
    began = git.where_it_began(root)
    assert began == git.commit(root, "main")
    assert not git.is_as(root, began)
    git.extract(root, began, tmp_path)
    assert (tmp_path / "a").read_text() == "main"


def test_a_new_file_makes_a_tree_differ(root: Path) -> None:
    assert git.is_as(root, git.commit(root, "HEAD"))
    (root / "new").write_text("")
    assert not git.is_as(root, git.commit(root, "HEAD"))


@pytest.mark.parametrize("ref", ["no-such", "--upload-pack=x", ""])
def test_a_commit_that_there_is_not_is_told_by_name(root: Path, ref: str) -> None:
    with pytest.raises(git.GitError, match="git knows no such commit"):
        git.commit(root, ref)


def test_a_folder_outside_git_is_told(tmp_path: Path) -> None:
    assert git.where_it_began(tmp_path) is None
    with pytest.raises(git.GitError, match="not a git repository"):
        git.files(tmp_path)


def test_a_link_out_of_the_tree_is_not_followed(root: Path, tmp_path: Path) -> None:
    (root / "link").symlink_to("/etc/hostname")
    run(root, "add", "-A")
    run(root, "commit", "-qm", "link")
    with pytest.raises(git.GitError, match="no link of a program may leave it"):
        git.extract(root, "HEAD", tmp_path)
