"""Git repositories of one commit, for tests of what is committed and extracted."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

NAME, MAIL = "Ada", "ada@example.com"


def git(root: Path, *arguments: str) -> str:
    result = subprocess.run(
        ["git", *arguments],  # noqa: S607
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.strip()


def new_repository(root: Path, files: Mapping[str, str]) -> str:
    """The first commit, of these files, on branch `main`."""
    root.mkdir(parents=True, exist_ok=True)
    git(root, "init", "--quiet", "--initial-branch", "main")
    git(root, "config", "user.name", NAME)
    git(root, "config", "user.email", MAIL)
    git(root, "config", "commit.gpgsign", "false")
    return commit(root, files)


def commit(root: Path, files: Mapping[str, str]) -> str:
    """The commit of everything that is there, with these files."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "a commit")
    return git(root, "rev-parse", "HEAD")
