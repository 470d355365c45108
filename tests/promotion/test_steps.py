"""How `up` of a move ends, and what the record then has."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gate.stacks.engine import Run
from promotion.carry_out import How, carry_out
from promotion.errors import PromotionError, RefusedError
from promotion.judge import Repository
from promotion.record import open_entry
from tests.promotion.moves import LOCKED, STACK, PlayedStack, judged_move, new_place, on_disk
from tests.promotion.releases import append, release

FAILED_UP = Run(255, [], "error: update failed")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setenv("MOE_CACHE_DIR", str(tmp_path / "cache"))
    return new_place(tmp_path / "repository")


@pytest.fixture
def stack() -> PlayedStack:
    return PlayedStack(release(2))


def carried(here: Repository, stack: PlayedStack, **said: Any) -> None:
    carry_out(judged_move(here, stack, **said), here, How())


def test_a_failed_up_is_recorded(here: Repository, stack: PlayedStack) -> None:
    stack.runs = [FAILED_UP]
    with pytest.raises(PromotionError, match="^staging: error: update failed$"):
        carried(here, stack)
    assert on_disk(here) == (True, ["begun", "failed"])
    last = here.record(STACK).last
    assert last is not None
    assert (last.why, last.ends) == ("error: update failed", 1)
    assert open_entry(here.record(STACK)) is None


def test_the_errors_of_the_engine_are_told_before_its_output(
    here: Repository, stack: PlayedStack
) -> None:
    event = {"diagnosticEvent": {"severity": "error", "message": "no\n  quota\n", "urn": "x"}}
    stack.runs = [Run(255, [event], "much output")]
    with pytest.raises(PromotionError, match="^staging: no quota$"):
        carried(here, stack)


@pytest.mark.parametrize(
    "words",
    [
        "error: resource urn:x violates plan: properties changed: ++data",
        "error: create is not allowed by the plan: this resource is constrained to same",
    ],
)
def test_what_exceeds_the_plan_is_refused(here: Repository, stack: PlayedStack, words: str) -> None:
    stack.runs = [Run(255, [], words)]
    with pytest.raises(RefusedError, match="plan"):
        carried(here, stack)
    assert on_disk(here) == (True, ["begun", "failed"])


def test_a_state_that_does_not_say_so_is_a_failure(here: Repository, stack: PlayedStack) -> None:
    stack.says_so = False
    with pytest.raises(PromotionError, match="does not say that the release runs"):
        carried(here, stack)
    assert on_disk(here)[1] == ["begun", "failed"]


@pytest.mark.parametrize("versions", [(), (1, 2)])
def test_overtaken_is_refused_and_nothing_is_applied(
    here: Repository, stack: PlayedStack, versions: tuple[int, ...]
) -> None:
    found = judged_move(here, stack)
    stack.versions = versions
    with pytest.raises(RefusedError, match="somebody else has changed the stack"):
        carry_out(found, here, How())
    assert stack.asked == []
    assert on_disk(here)[1] == ["begun", "failed"]


def locked_by(pid: int) -> Run:
    return Run(255, [], f"{LOCKED}\n  state: created by ada@{socket.gethostname()} (pid {pid})")


@pytest.fixture(scope="module")
def dead() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def kinds(stack: PlayedStack) -> list[str]:
    return [words[0] for words in stack.asked]


def killed_up(here: Repository, stack: PlayedStack) -> None:
    """As a kill leaves it: the entry is open, and nobody has heard how `up` ended."""

    def kill() -> None:
        raise KeyboardInterrupt

    stack.on_up = kill
    with pytest.raises(KeyboardInterrupt):
        carried(here, stack)
    stack.on_up = lambda: None
    stack.asked.clear()


def test_a_dead_lock_of_what_was_killed_here_is_taken_away_once(
    here: Repository, stack: PlayedStack, dead: int
) -> None:
    killed_up(here, stack)
    stack.runs = [locked_by(dead), Run(0, [], "")]
    carried(here, stack)
    assert kinds(stack) == ["up", "cancel", "up"]
    assert on_disk(here)[1] == ["begun", "begun", "applied"]


def test_a_lock_that_comes_again_is_not_taken_away_again(
    here: Repository, stack: PlayedStack, dead: int
) -> None:
    killed_up(here, stack)
    stack.runs = [locked_by(dead), locked_by(dead)]
    with pytest.raises(PromotionError, match="the same command goes on"):
        carried(here, stack)
    assert kinds(stack) == ["up", "cancel", "up"]
    assert on_disk(here)[1] == ["begun", "begun"]
    stack.runs = [locked_by(dead), Run(0, [], "")]
    carried(here, stack)
    assert on_disk(here)[1][-1] == "applied", "it was left by the same kill"


def test_where_nothing_was_killed_here_no_lock_is_taken_away(
    here: Repository, stack: PlayedStack, dead: int
) -> None:
    """It is none of ours: a container of the same name may be at work, whose processes we miss."""
    append(here.record(STACK), "begun", release(2))
    for _ in range(2):
        stack.runs = [locked_by(dead)]
        with pytest.raises(PromotionError, match="^staging: .*currently locked by 1 lock"):
            carried(here, stack)
    assert kinds(stack) == ["up", "up"]
    assert open_entry(here.record(STACK)) is not None


def test_after_an_up_that_came_to_its_end_nothing_counts_as_killed(
    here: Repository, stack: PlayedStack, dead: int
) -> None:
    stack.runs = [FAILED_UP, locked_by(dead)]
    for words in ("update failed", "currently locked"):
        with pytest.raises(PromotionError, match=words):
            carried(here, stack)
    assert kinds(stack) == ["up", "up"]


def test_a_living_lock_leaves_the_entry_open(
    here: Repository, stack: PlayedStack, tmp_path: Path
) -> None:
    """Whoever holds it may be the `up` of this very entry."""
    killed_up(here, stack)
    binary = tmp_path / "pulumi"
    binary.symlink_to(Path("/bin/sleep").resolve())
    process = subprocess.Popen([binary, "60"])
    try:
        stack.runs = [locked_by(process.pid)]
        with pytest.raises(PromotionError, match="the same command goes on once that has ended"):
            carried(here, stack)
    finally:
        process.kill()
        process.wait()
    assert kinds(stack) == ["up"]
    assert on_disk(here) == (True, ["begun", "begun"])
    again = PlayedStack(release(2))
    carried(here, again)
    assert on_disk(here)[1] == ["begun", "begun", "begun", "applied"]


def test_what_pulumi_says_is_told_in_one_line(here: Repository, stack: PlayedStack) -> None:
    stack.runs = [Run(255, [], "error: \x1b[2Jno\n  quota\u202e\n")]
    with pytest.raises(PromotionError) as error:
        carried(here, stack)
    assert str(error.value) == "staging: error: \\x1b[2Jno quota\\u202e"
    stack.runs = [Run(255, [], "x" * 10_000)]
    with pytest.raises(PromotionError):
        carried(here, stack)
    last = here.record(STACK).last
    assert last is not None
    assert len(last.why) == 2000


def test_somebody_was_first(here: Repository, stack: PlayedStack) -> None:
    found = judged_move(here, stack)
    append(here.record(STACK), "begun", release(3), by="Eve\r <eve@example.com>")
    with pytest.raises(RefusedError, match=r"^Eve\\r <eve@example.com> was first"):
        carry_out(found, here, How())
    assert on_disk(here) == (False, ["begun"])
    assert stack.asked == []
