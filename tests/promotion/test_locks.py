"""Locks of processes that are gone are taken away, and no other.

The words are those of pulumi's backend/diy/lock.go.
"""

import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from gate.stacks.engine import Run
from promotion.locks import release_dead_lock
from promotion.pulumi_stack import PulumiStack

HERE = socket.gethostname()


@dataclass
class Stack:
    """`pulumi cancel`, and how it ends."""

    exit_code: int = 0
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def run(self, *arguments: str) -> Run:
        self.asked.append(arguments)
        return Run(self.exit_code, [], "")


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
    assert stack.asked == ([("cancel", "--yes")] if answer or stack.exit_code else [])
    return answer


@pytest.fixture(scope="module")
def dead() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A process that is called as the engine."""
    binary = tmp_path_factory.mktemp("bin") / "pulumi"
    binary.symlink_to(Path("/bin/sleep").resolve())
    process = subprocess.Popen([binary, "60"])
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


def test_that_it_could_not_be_taken_away(dead: int) -> None:
    assert not released(refusal((HERE, dead)), Stack(exit_code=1))


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
