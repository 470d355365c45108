"""What a check asks of git: the files of the tree and of a commit, and where a change began."""

import os
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

_DEFAULT_BRANCHES = ("origin/HEAD", "origin/main", "origin/master", "main", "master")


class GitError(Exception):
    """Names what was asked for, and what to do."""


def files(root: Path) -> list[Path]:
    """Tracked files of the tree as they are now and new ones, relative; none that are ignored."""
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    named = [Path(name) for name in dict.fromkeys(listed.decode().split("\0")) if name]
    return [path for path in named if (root / path).is_file()]


def commit(root: Path, ref: str) -> str:
    """The full hash of `ref`; raises GitError."""
    try:
        return (
            _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
            .decode()
            .strip()
        )
    except GitError:
        raise GitError(
            f"base {ref}: git knows no such commit here; allowed: a branch, tag or hash. A shallow"
            " clone lacks most of them: fetch it first (in GitHub Actions fetch-depth: 0)"
        ) from None


def where_it_began(root: Path) -> str | None:
    """The commit at which this tree left the default branch; None where neither is to be found."""
    for branch in _DEFAULT_BRANCHES:
        try:
            return _git(root, "merge-base", "HEAD", branch).decode().strip()
        except GitError:
            continue
    return None


def is_as(root: Path, of: str) -> bool:
    """Whether the tree, new files included, is the commit's."""
    try:
        _git(root, "diff", "--quiet", of, "--")
    except GitError:
        return False
    return not _git(root, "ls-files", "--others", "--exclude-standard")


def extract(root: Path, of: str, folder: Path) -> None:
    """The files of a commit into `folder`; raises GitError."""
    with tarfile.open(fileobj=BytesIO(_git(root, "archive", "--format=tar", of))) as archive:
        try:
            archive.extractall(folder, filter="data")
        except tarfile.FilterError as error:
            raise GitError(f"base {of}: {error}; no link of a program may leave it") from None


def content(root: Path, of: str, file: Path) -> bytes:
    """A file of a commit, relative to `root`; raises GitError where the commit lacks it."""
    return _git(root, "show", "--no-textconv", f"{of}:./{file.as_posix()}")


def is_in_history(root: Path, commit_hash: str) -> bool:
    """Whether what is checked out comes from that commit."""
    try:
        _git(root, "merge-base", "--is-ancestor", commit_hash, "HEAD")
    except GitError:
        return False
    return True


def run(
    root: Path,
    *arguments: str,
    given: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """What git prints, without space around it; raises GitError where it fails."""
    return _git(root, *arguments, given=given, environment=environment).decode().strip()


def answer(root: Path, *arguments: str) -> str:
    """As `run`, and empty where git has no answer; raises GitError where there is no git."""
    result = _result(root, arguments)
    return "" if result.returncode else result.stdout.decode().strip()


def _git(
    root: Path,
    *arguments: str,
    given: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> bytes:
    result = _result(root, arguments, given, environment)
    if result.returncode != 0:
        words = result.stderr.decode(errors="replace").strip()
        raise GitError(f"git {arguments[0]} failed: {words or f'exit code {result.returncode}'}")
    return result.stdout


def _result(
    root: Path,
    arguments: Sequence[str],
    given: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(
            ["git", *arguments],  # noqa: S607
            cwd=root,
            env={**os.environ, **(environment or {})},
            input=None if given is None else given.encode(),
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        raise GitError("git is not on PATH; install it") from None
