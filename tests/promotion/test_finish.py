"""`up` of a move that was begun without: what was gated, or nothing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gate.stacks.engine import Run
from promotion.author import Author
from promotion.carry_out import Done, How, carry_out, finish, finishing
from promotion.errors import NothingToDoError, PromotionError, RefusedError
from promotion.gate import failed, passed
from promotion.judge import Judged, Repository
from promotion.proposal import Move
from promotion.record import open_entry
from tests.promotion.moves import AFTER, BY, STACK, PlayedStack, file, judged_move, new_place
from tests.promotion.releases import append, release
from tests.promotion.repositories import git

EVE = Author("Eve", "eve@example.com")
APPLY = How()


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


@pytest.fixture
def up(here: Repository, stack: PlayedStack) -> Callable[..., Done]:
    """As `moe up`, with what judging it again says."""

    def done(by: Author = BY, how: How = APPLY, **said: Any) -> Done:
        entry, move = finishing(STACK, by, here)
        found = judged_move(here, stack, **said)
        again = replace(found, proposal=replace(found.proposal, move=move))
        return finish(entry, again, here, how)

    return done


def test_it_is_applied(here: Repository, begun: Judged, up: Callable[..., Done]) -> None:
    done = up()
    assert (done.entry.stage, done.entry.ends, done.commits) == ("applied", 1, ())
    with pytest.raises(NothingToDoError, match="waits for an `up`"):
        up()


def test_it_is_the_move_that_was_begun(here: Repository, begun: Judged) -> None:
    entry, move = finishing(STACK, BY, here)
    assert entry == here.record(STACK).last
    assert move == replace(begun.proposal.move, begun_by=str(BY))


def test_a_rollback_keeps_its_reason(here: Repository, stack: PlayedStack) -> None:
    said: dict[str, Any] = {"kind": "rollback", "source": None, "why": "slow"}
    carry_out(judged_move(here, stack, **said), here, How(up=False))
    _, move = finishing(STACK, BY, here)
    assert (move.kind, move.source, move.why) == ("rollback", None, "slow")


def test_who_ends_it_is_on_record_and_neither_may_approve(
    here: Repository, begun: Judged, up: Callable[..., Done]
) -> None:
    _, move = finishing(STACK, EVE, here)
    assert move.movers == {"ada@example.com", "eve@example.com"}
    assert up(EVE).entry.by == str(EVE)


@pytest.mark.parametrize(
    ("begun_by", "movers"),
    [
        ("", {"ada@example.com"}),
        ("Ada <ada@example.com>", {"ada@example.com"}),
        ("Eve (<ops>) <eve@example.com>", {"ada@example.com", "eve@example.com"}),
        ("Eve <x@y> <eve@example.com>", {"ada@example.com", "eve@example.com"}),
        ("no address", {"ada@example.com"}),
    ],
)
def test_movers_are_told_by_their_addresses(begun_by: str, movers: set[str]) -> None:
    move = Move("promotion", "dev", STACK, release(2), BY, begun_by=begun_by)
    assert move.movers == movers


def test_another_file_is_refused_and_it_waits_on(
    here: Repository, begun: Judged, stack: PlayedStack, up: Callable[..., Done]
) -> None:
    file(here.root).write_bytes(AFTER.replace("\r\n", "\n").encode())
    with pytest.raises(RefusedError, match="stacks/Pulumi.staging.yaml is not the file") as no:
        up()
    assert "judge it again: moe promote dev staging --release" in str(no.value)
    assert stack.asked == []
    assert open_entry(here.record(STACK)) is not None


def test_another_plan_is_refused_and_it_waits_on(
    here: Repository, begun: Judged, stack: PlayedStack, up: Callable[..., Done]
) -> None:
    with pytest.raises(RefusedError, match="no longer matches what was gated as entry 1"):
        up(plan="c" * 64)
    assert stack.asked == []
    assert open_entry(here.record(STACK)) is not None


def test_every_gate_that_refuses_now_is_named(
    here: Repository, begun: Judged, stack: PlayedStack, up: Callable[..., Done]
) -> None:
    gates = [passed("soak", "25 h"), failed("approvals", "0 of 1", remedy="sign")]
    with pytest.raises(RefusedError, match="^refused by 1 of 2 gates: approvals$"):
        up(gates=gates)
    assert stack.asked == []
    assert open_entry(here.record(STACK)) is not None


def test_what_is_half_applied_already_is_applied_to_its_end(
    here: Repository, begun: Judged, up: Callable[..., Done]
) -> None:
    """A killed `up` may have come to its end: the state says so, the record does not."""
    assert up(changes=[], differs=[], plan_changes=0).entry.stage == "applied"


@pytest.mark.parametrize("works", [True, False])
def test_its_end_is_committed_whatever_it_is(
    here: Repository, begun: Judged, stack: PlayedStack, up: Callable[..., Done], works: bool
) -> None:
    if works:
        done = up(how=How(commit=True))
        assert done.commits == tuple(git(here.root, "rev-parse", "HEAD^", "HEAD").split())
    else:
        stack.runs = [Run(255, [], "error: no quota")]
        with pytest.raises(PromotionError, match="no quota"):
            up(how=How(commit=True))
    names = git(here.root, "show", "--name-only", "--format=%s", "HEAD").splitlines()
    assert names[0].endswith("dev -> staging: applied" if works else "dev -> staging: failed")
    assert names[2:] == ["releases/record/staging/000002.json"]
    names = git(here.root, "show", "--name-only", "--format=", "HEAD^").splitlines()
    assert names == [
        f"releases/{release(2).id}.json",
        "releases/record/staging/000001.json",
        "stacks/Pulumi.staging.yaml",
    ], "it was begun without --commit"


def test_nothing_waits(here: Repository) -> None:
    with pytest.raises(NothingToDoError):
        finishing(STACK, BY, here)


def test_a_release_that_is_gone_is_named(here: Repository, begun: Judged) -> None:
    here.releases.file(release(2)).unlink()
    with pytest.raises(PromotionError, match=release(2).id):
        finishing(STACK, BY, here)


def test_somebody_ended_it_while_it_was_judged(
    here: Repository, begun: Judged, stack: PlayedStack
) -> None:
    """In another checkout: the entry is there after a pull."""
    entry, _ = finishing(STACK, BY, here)
    found = judged_move(here, stack)
    append(here.record(STACK), "applied", release(2), ends=1, by=str(EVE))
    with pytest.raises(RefusedError, match="Eve <eve@example.com> was first"):
        finish(entry, found, here, How())
