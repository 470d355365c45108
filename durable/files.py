"""Writes a file in one step: a reader sees the old content or the new, never half of it.

That holds when the writer is killed, or the machine loses its power.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OWNER_ONLY_FOLDER = 0o700
OWNER_ONLY_FILE = 0o600
_READABLE = 0o644


def write_private(path: Path, content: bytes | str, mode: int = OWNER_ONLY_FILE) -> None:
    """Replace `path` with a file that only its owner can read; missing folders are made so too."""
    path.parent.mkdir(mode=OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
    _replace(path, content, mode)


def replace_file(path: Path, content: bytes | str) -> None:
    """Replace `path`, which keeps its mode; a new one is readable by all.

    Raises OSError, also where its folder is missing.
    """
    _replace(path, content, path.stat().st_mode & 0o777 if path.exists() else _READABLE)


def create_file(path: Path, content: bytes | str) -> None:
    """Write a new file, readable by all.

    Raises FileExistsError where somebody was first: of two at once, one wins.
    """
    new = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    with _draft(path, content, _READABLE) as draft:
        path.hardlink_to(draft)
    for folder in (path.parent, *(made.parent for made in new)):
        _sync_folder(folder)


def _replace(path: Path, content: bytes | str, mode: int) -> None:
    with _draft(path, content, mode) as draft:
        draft.replace(path)
    _sync_folder(path.parent)


@contextmanager
def _draft(path: Path, content: bytes | str, mode: int) -> Iterator[Path]:
    """A file beside `path` that has the content; it is gone afterwards."""
    data = content.encode() if isinstance(content, str) else content
    # Never one that is there: a writer killed after `hardlink_to` leaves a draft that is the file
    # itself, and its process id comes again.
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(mode)
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Else the name may be lost with the power although the content is not."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
