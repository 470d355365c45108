"""A copy of the program of a release, with the stack's file as it will be: what is judged and run.

The program is that of the release's commit, wherever the checkout stands: a rollback brings the
code back too.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from durable.files import write_private
from gate.stacks import git
from gate.stacks.git import GitError
from promotion import packages
from promotion.gate import GateResult, could_not_check, failed, passed
from promotion.release import Release
from stacks.reading import stack_file
from stacks.released import program_digest

GATE = "program"


@dataclass(frozen=True, slots=True)
class Program:
    """`folder` is the copy, in a private folder that is gone afterwards; so is `plan`."""

    folder: Path
    plan: Path
    gate: GateResult


@contextmanager
def program_of(root: Path, release: Release, stack: str, stack_text: str) -> Iterator[Program]:
    with tempfile.TemporaryDirectory(prefix="moe-promote-") as private:
        folder = Path(private) / "program"
        folder.mkdir()
        gate = _extract(root, release, folder)
        if not gate.refuses:
            write_private(stack_file(stack, folder / "stacks"), stack_text)
        yield Program(folder, Path(private) / "plan.json", gate)


def _extract(root: Path, release: Release, folder: Path) -> GateResult:
    commit = release.git_commit
    try:
        git.extract(root, commit, folder)
    except GitError as error:
        return failed(
            GATE, f"commit {commit[:12]} is not here: {error}", remedy=f"git fetch origin {commit}"
        )
    if not git.is_in_history(root, commit):
        return failed(
            GATE,
            f"commit {commit[:12]} is not in the history of what is checked out",
            remedy="merge it; after a squash create the release again: moe release create",
        )
    if (found := program_digest(folder)) != release.contents.program:
        return failed(
            GATE,
            f"commit {commit[:12]} has program {found}, the release {release.contents.program}",
            remedy="create the release again: moe release create",
        )
    if why := packages.provide(root, folder):
        first, *rest = why.splitlines()
        return could_not_check(
            GATE, first, *rest, remedy="install uv, and let it reach the package index"
        )
    return passed(GATE, f"commit {commit[:12]}, {release.contents.program[:19]}")
