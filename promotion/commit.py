"""Commits what a move has written, with its report as the message: here, or on a branch."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from gate.stacks import git
from gate.stacks.git import GitError
from promotion.errors import PromotionError


def commit_here(root: Path, paths: Sequence[Path], message: str) -> str | None:
    """The new commit of these files alone; None where they are as HEAD has them."""
    if not paths:
        return None
    names = [str(path.relative_to(root)) for path in paths]
    _git(root, "add", "--", *names)
    if not _git(root, "diff", "--cached", "--name-only", "--", *names):
        return None
    _git(root, "commit", "--quiet", "--only", "--file", "-", "--", *names, given=message)
    return _git(root, "rev-parse", "HEAD")


def commit_on_branch(root: Path, branch: str, contents: Mapping[Path, str], message: str) -> str:
    """A new branch with one commit on HEAD; the checkout and its index stay as they are.

    Raises PromotionError where the branch is there already, or its name is none.
    """
    head = _git(root, "rev-parse", "HEAD")
    reference = f"refs/heads/{branch}"
    _refuse(root, branch)
    with tempfile.TemporaryDirectory(prefix="moe-promote-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        _git(root, "read-tree", head, environment=index)
        for path, text in contents.items():
            blob = _git(root, "hash-object", "-w", "--stdin", given=text)
            entry = f"100644,{blob},{path.relative_to(root).as_posix()}"
            _git(root, "update-index", "--add", "--cacheinfo", entry, environment=index)
        tree = _git(root, "write-tree", environment=index)
    commit = _git(root, "commit-tree", tree, "-p", head, given=message)
    # The last word says that the branch must be new: of two at once one wins.
    _git(root, "update-ref", reference, commit, "")
    return commit


def uncommitted(root: Path, folder: Path) -> list[str]:
    """Names of what is in `folder` and not as HEAD has it; what was removed is among them."""
    changed = _git(root, "diff", "--name-only", "-z", "--no-renames", "HEAD", "--", str(folder))
    new = _git(root, "ls-files", "-z", "--others", "--exclude-standard", "--", str(folder))
    return sorted({*changed.split("\0"), *new.split("\0")} - {""})


def refuse_uncommitted(root: Path, folder: Path) -> None:
    """Raises PromotionError where a branch would build on what only this checkout has."""
    if changed := _git(root, "status", "--porcelain", "--", str(folder)):
        raise PromotionError(f"--branch: {folder} has what is not committed yet: {changed}")


def _refuse(root: Path, branch: str) -> None:
    """Raises PromotionError where no branch can be made of the name."""
    try:
        # What stands for another branch, such as @{-1}, comes back as that one.
        is_a_name = _git(root, "check-ref-format", "--branch", branch) == branch
    except PromotionError:
        is_a_name = False
    if not is_a_name:
        raise PromotionError(
            f"--branch {branch!r}: git allows no branch of this name; allowed: such as promote/dev"
        )
    if _git(root, "for-each-ref", f"refs/heads/{branch}"):
        raise PromotionError(
            f"--branch {branch}: already exists; choose another name, or delete it: git branch"
            f" --delete --force {branch}"
        )


def _git(
    root: Path,
    *arguments: str,
    given: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    try:
        return git.run(root, *arguments, given=given, environment=environment)
    except GitError as error:
        raise PromotionError(str(error)) from None
