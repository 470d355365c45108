"""Locks of processes that are gone are taken away, and no other.

The words are those of pulumi's backend/diy/lock.go.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import psutil
import pytest

from promotion.locks import is_locked, release_dead_lock
from promotion.pulumi_stack import PulumiStack

HERE = socket.gethostname()


@dataclass
class Stack:
    """Whose lock is taken away, and whether that works."""

    works: bool = True
    asked: int = 0

    def release_lock(self) -> bool:
        self.asked += 1
        return self.works


def refusal(*holders: tuple[str, int]) -> str:
    locks = "\n".join(
        f"  file:///state/.pulumi/locks/organization/moe/dev/{n}.json: created by ada@{host}"
        f" (pid {pid}) at 2026-11-28T12:00:00Z"
        for n, (host, pid) in enumerate(holders)
    )
    return (
        f"error: the stack is currently locked by {len(holders)} lock(s). Either wait for the other"
        f" process(es) to end or delete the lock file with `pulumi cancel`.\n{locks}"
    )


def released(output: str, stack: Stack | None = None) -> bool:
    stack = stack or Stack()
    answer = release_dead_lock(output, cast(PulumiStack, stack))
    assert stack.asked == (1 if answer or not stack.works else 0)
    return answer


@pytest.fixture(scope="module")
def dead() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def _engine(folder: Path, seconds: str) -> subprocess.Popen[bytes]:
    binary = folder / "pulumi"
    binary.symlink_to(Path("/bin/sleep").resolve())
    return subprocess.Popen([binary, seconds])


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A process that is called as the engine."""
    process = _engine(tmp_path_factory.mktemp("bin"), "60")
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def test_of_a_process_that_is_gone(dead: int) -> None:
    assert released(refusal((HERE, dead)))


def test_of_several_that_are_all_gone(dead: int) -> None:
    assert released(refusal((HERE, dead), (HERE, dead)))


def test_words_that_are_broken_over_lines(dead: int) -> None:
    assert released(refusal((HERE, dead)).replace("currently locked", "currently\n    locked"))


def test_of_a_process_that_lives(living: int) -> None:
    assert not released(refusal((HERE, living)))


def test_of_several_one_of_which_lives(dead: int, living: int) -> None:
    for holders in ([dead, living], [living, dead]):
        assert not released(refusal(*((HERE, pid) for pid in holders)))


def test_of_another_machine_nobody_can_tell(dead: int) -> None:
    assert not released(refusal(("elsewhere", dead)))
    assert not released(refusal((HERE, dead), ("elsewhere", dead)))


def test_a_number_that_another_program_has_now(dead: int) -> None:
    """The kernel gives numbers again: pid 1 is no pulumi."""
    assert released(refusal((HERE, 1)))


def test_of_a_killed_one_that_nobody_has_waited_for(tmp_path: Path) -> None:
    """It is still listed, by the engine's name."""
    process = _engine(tmp_path, "60")
    process.kill()
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    assert released(refusal((HERE, process.pid)))
    process.wait()


def test_that_it_could_not_be_taken_away(dead: int) -> None:
    assert not released(refusal((HERE, dead)), Stack(works=False))


@pytest.mark.parametrize(
    "output",
    [
        "",
        "error: the stack is currently locked by 1 lock(s)",
        "error: update failed",
        f"a resource was created by ada@{HERE} (pid 4194304) at noon",
    ],
)
def test_output_about_something_else(output: str) -> None:
    assert not released(output)


def test_a_refusal_for_a_lock_is_told_from_other_output(dead: int) -> None:
    said = refusal((HERE, dead))
    assert is_locked(said)
    assert is_locked(said.replace("currently locked", "currently\n    locked"))
    assert not is_locked("error: the plan is locked")
