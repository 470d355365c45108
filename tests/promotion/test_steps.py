"""How `up` of a move ends, and what the record then has."""

from pathlib import Path
from typing import Any

import pytest

from gate.stacks.engine import Run
from promotion import steps
from promotion.carry_out import How, carry_out
from promotion.errors import PromotionError, RefusedError
from promotion.judge import Repository
from promotion.record import open_entry
from tests.promotion.moves import STACK, PlayedStack, judged_move, new_place, on_disk
from tests.promotion.releases import append, release

FAILED_UP = Run(255, [], "error: update failed")


@pytest.fixture
def here(tmp_path: Path) -> Repository:
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


@pytest.mark.parametrize("updated", [None, "later"])
def test_overtaken_is_refused_and_nothing_is_applied(
    here: Repository, stack: PlayedStack, updated: str | None
) -> None:
    found = judged_move(here, stack)
    assert stack.updated is not None
    stack.updated = stack.updated.replace(hour=13) if updated else None
    with pytest.raises(RefusedError, match="somebody else has changed the stack"):
        carry_out(found, here, How())
    assert stack.asked == []
    assert on_disk(here)[1] == ["begun", "failed"]


def test_the_lock_of_a_process_that_is_gone_is_taken_away_once(
    here: Repository, stack: PlayedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def released(output: str, of: object) -> bool:
        asked.append(output)
        return True

    monkeypatch.setattr(steps, "release_dead_lock", released)
    stack.runs = [Run(255, [], "locked"), Run(0, [], "")]
    carried(here, stack)
    assert [words[0] for words in stack.asked] == ["up", "up"]
    assert on_disk(here)[1] == ["begun", "applied"]
    again = PlayedStack(release(3), [Run(255, [], "locked"), Run(255, [], "locked")])
    with pytest.raises(PromotionError, match="locked"):
        carried(here, again)
    assert asked == ["locked", "locked"]


def test_somebody_was_first(here: Repository, stack: PlayedStack) -> None:
    found = judged_move(here, stack)
    append(here.record(STACK), "begun", release(3), by="Eve <eve@example.com>")
    with pytest.raises(RefusedError, match="Eve <eve@example.com> was first"):
        carry_out(found, here, How())
    assert on_disk(here) == (False, ["begun"])
    assert stack.asked == []
