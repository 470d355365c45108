"""Makes a release of a stack: its file, and the program of the commit that is checked out."""

import tempfile
from pathlib import Path

from gate.stacks import git
from promotion.errors import PromotionError
from promotion.release import Release
from promotion.release_store import ReleaseStore
from stacks import reading
from stacks.released import program_digest, released


def create_release(root: Path, stack: str) -> tuple[Release, bool]:
    """The release, and whether it is new: one of the same contents stays the one.

    Raises SettingsError, and PromotionError where the program is not that of HEAD: a release must
    be found again in every clone.
    """
    settings = reading.from_file(stack, root / "stacks")
    commit = git.commit(root, "HEAD")
    contents = released(settings, root)
    with tempfile.TemporaryDirectory(prefix="moe-release-") as folder:
        git.extract(root, commit, Path(folder))
        if program_digest(Path(folder)) != contents.program:
            raise PromotionError(
                f"the program here is not that of commit {commit[:12]}: commit what `git status`"
                " shows of it first; a release must be found again in every clone"
            )
    store = ReleaseStore(root)
    if (known := store.of(contents)) is not None:
        return known, False
    release = Release(contents=contents, git_commit=commit)
    return release, store.add(release)
