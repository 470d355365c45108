"""A lock that a killed `pulumi` of this machine has left on its stack.

A backend of files or of a bucket (backend/diy/lock.go) names the process in its refusal. One that
is gone will never let go, so its lock is taken away; of another machine nobody here can tell. Two
machines may have one name, as containers do, so only who has been killed in an `up` here looks.
"""

import re
import socket
from pathlib import Path

import psutil

from durable.places import cache_root, checkout_key
from promotion.pulumi_stack import PulumiStack

_HOLDER = re.compile(r"created by \S+@(?P<host>\S+) \(pid (?P<pid>\d+)\)")
_LOCKED = "the stack is currently locked by"


def move_lock(root: Path, stack: str) -> Path:
    """Held by who moves a release to a stack from the checkout in `root`."""
    return cache_root() / "locks" / f"promotion-{checkout_key(root)}-{stack}.lock"


def up_note(root: Path, stack: str) -> Path:
    """Is there while `up` of a stack runs from the checkout in `root`, and after it was killed."""
    return move_lock(root, stack).with_suffix(".up")


def is_locked(output: str) -> bool:
    """Whether `output` is a refusal for a lock."""
    return _LOCKED in " ".join(output.split())


def release_dead_lock(output: str, stack: PulumiStack) -> bool:
    """Whether `output` was a refusal for locks whose processes are all gone; they are no more."""
    holders = list(_HOLDER.finditer(output))
    if not is_locked(output) or not holders or any(map(_may_live, holders)):
        return False
    return stack.release_lock()


def _may_live(holder: re.Match[str]) -> bool:
    if holder["host"] != socket.gethostname():
        return True
    try:
        process = psutil.Process(int(holder["pid"]))
        # One that was killed and that nobody has waited for is still listed.
        return process.status() != psutil.STATUS_ZOMBIE and "pulumi" in process.name()
    except psutil.NoSuchProcess:
        return False
