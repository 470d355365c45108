"""`up` of a move that was begun without: what was gated, or nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from promotion import carry_out as carrying
from promotion.carry_out import How, carry_out, finish
from promotion.errors import NothingToDoError, RefusedError
from promotion.gate import failed
from promotion.judge import Judged, Repository
from promotion.record import open_entry
from tests.promotion.moves import AFTER, BY, STACK, PlayedStack, file, judged_move, new_place
from tests.promotion.releases import release


@pytest.fixture
def here(tmp_path: Path) -> Repository:
    return new_place(tmp_path / "repository")


@pytest.fixture
def stack() -> PlayedStack:
    return PlayedStack(release(2))


@pytest.fixture
def begun(here: Repository, stack: PlayedStack) -> Judged:
    found = judged_move(here, stack)
    carry_out(found, here, How(up=False))
    return found


@pytest.fixture(autouse=True)
def plays(here: Repository, stack: PlayedStack, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What judging it again will say."""
    said: dict[str, Any] = {}

    @contextmanager
    def again(move: Any, repository: Repository, *, of_program_alone: bool) -> Iterator[Judged]:
        assert of_program_alone
        found = judged_move(repository, stack, **said)
        yield replace(found, proposal=replace(found.proposal, move=move))

    monkeypatch.setattr(carrying, "judged", again)
    return said


def test_it_is_applied(here: Repository, begun: Judged) -> None:
    done, proposal = finish(STACK, BY, here)
    assert (done.entry.stage, done.entry.ends) == ("applied", 1)
    assert proposal.move == begun.proposal.move
    with pytest.raises(NothingToDoError, match="waits for an `up`"):
        finish(STACK, BY, here)


def test_another_file_is_refused_and_it_waits_on(
    here: Repository, begun: Judged, stack: PlayedStack
) -> None:
    file(here.root).write_bytes(AFTER.replace("\r\n", "\n").encode())
    with pytest.raises(RefusedError, match="stacks/Pulumi.staging.yaml is not the file") as no:
        finish(STACK, BY, here)
    assert "judge it again: moe promote dev staging --release" in str(no.value)
    assert stack.asked == []
    assert open_entry(here.record(STACK)) is not None


def test_another_plan_is_refused_and_it_waits_on(
    here: Repository, begun: Judged, stack: PlayedStack, plays: dict[str, Any]
) -> None:
    plays["plan"] = "c" * 64
    with pytest.raises(RefusedError, match="no longer matches what was gated as entry 1"):
        finish(STACK, BY, here)
    assert stack.asked == []
    assert open_entry(here.record(STACK)) is not None


def test_a_gate_that_refuses_now_is_named(
    here: Repository, begun: Judged, stack: PlayedStack, plays: dict[str, Any]
) -> None:
    plays["gates"] = [failed("policies", "1", remedy="mend it")]
    with pytest.raises(RefusedError, match="refused now by policies"):
        finish(STACK, BY, here)
    assert stack.asked == []


def test_nothing_waits(here: Repository) -> None:
    with pytest.raises(NothingToDoError):
        finish(STACK, BY, here)
