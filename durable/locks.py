"""A file lock that can say who holds it.

Lock files stay when they are let go, and are empty and harmless: what is locked is the open file,
and the kernel lets go of it. Removing one would hand a second holder a new file of the same name.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from durable.files import OWNER_ONLY_FOLDER, write_private
from durable.places import PACKAGE_ROOT


class LockHeldError(Exception):
    """Somebody else holds the lock and the caller did not want to wait longer.

    `holder` is a sentence part such as "process 4711 (up, in /some/checkout, for 12 s)".
    """

    def __init__(self, holder: str) -> None:
        super().__init__(f"{holder} is at work here; try again when that has ended")
        self.holder = holder


@contextmanager
def held_lock(
    path: Path,
    purpose: str,
    *,
    on_wait: Callable[[str], None],
    wait_seconds: float = -1,
) -> Iterator[None]:
    """Hold `path` while the block runs; the kernel lets go if this process dies.

    `on_wait` is called once, with the holder in words, when somebody else has it. Raises
    LockHeldError after `wait_seconds` (negative: wait for ever).
    """
    path.parent.mkdir(mode=OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
    note = path.with_name(f"{path.name}.holder")
    lock = FileLock(path, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        holder = describe_holder(note)
        on_wait(holder)
        try:
            lock.acquire(timeout=wait_seconds, poll_interval=0.2)
        except Timeout:
            raise LockHeldError(describe_holder(note)) from None
    try:
        who = {
            "pid": os.getpid(),
            "purpose": purpose,
            "checkout": str(PACKAGE_ROOT),
            "since": time.time(),
        }
        write_private(note, json.dumps(who))
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def describe_holder(note: Path) -> str:
    """Who wrote the note beside a lock, in words; vague while the note is being written."""
    try:
        who = json.loads(note.read_text())
        seconds = max(0.0, time.time() - float(who["since"]))
        return f"process {who['pid']} ({who['purpose']}, in {who['checkout']}, for {seconds:.0f} s)"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
