"""The record as files: what is appended, by whom first, and what a kill leaves."""

import os
import random
import signal
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import NoReturn
from unittest.mock import Mock, call

import pytest

from durable import files
from promotion import record as module
from promotion.errors import RefusedError
from promotion.record import Entry, Record, applied, open_entry, recorded_stacks
from promotion.verify import problems
from tests.promotion.drawn_records import STACK
from tests.promotion.releases import BY, append, release, store

WAIT_S = 60
FORK = get_context("fork")
WON, LOST = 0, 2


def test_the_first_follows_on_nothing_and_the_next_on_the_first(tmp_path: Path) -> None:
    record = Record(tmp_path, STACK)
    assert record.last is None
    begun = append(record, "begun", release(1))
    assert (begun.number, begun.previous, begun.target) == (1, None, STACK)
    assert open_entry(record) == begun
    end = append(record, "applied", release(1), ends=1)
    assert (end.number, end.previous) == (2, begun.hash)
    assert open_entry(record) is None
    assert list(record) == [begun, end]
    assert record.last == end
    assert applied(record) == [end]
    assert recorded_stacks(tmp_path) == [STACK]


def test_times_do_not_go_back_where_a_clock_does(tmp_path: Path) -> None:
    record = Record(tmp_path, STACK)
    append(record, "begun", release(1), at="2999-01-01T00:00:00Z")
    assert append(record, "applied", release(1), ends=1).at == "2999-01-01T00:00:00Z"


def test_the_second_is_told_who_was_first(tmp_path: Path) -> None:
    record = Record(tmp_path, STACK)
    first = record.next(
        None, kind="promotion", stage="begun", by=BY, source="dev", release="a" * 64
    )
    second = first.model_copy(update={"by": "Bob"})
    record.append(first)
    with pytest.raises(RefusedError, match="Ada .* was first: promotion of a{12} to staging"):
        record.append(second)
    assert list(record) == [first]


def test_a_hash_outlives_a_field_that_is_added(tmp_path: Path) -> None:
    class Later(Entry):
        ticket: str | None = None

    entry = append(Record(tmp_path, STACK), "begun", release(1))
    assert Later.model_validate(entry.model_dump()).hash == entry.hash
    assert Later.model_validate({**entry.model_dump(), "ticket": "T-1"}).hash != entry.hash


def test_last_reads_one_entry_however_long_the_record_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Record(tmp_path, STACK)
    for _ in range(5):
        begun = append(record, "begun", release(1))
        append(record, "applied", release(1), ends=begun.number)
    reading = Mock(side_effect=module.read)
    monkeypatch.setattr(module, "read", reading)
    append(record, "begun", release(1))
    assert reading.mock_calls == [call(record.file(10))]


def _race(root: Path, ready: Barrier) -> None:
    record = Record(root, STACK)
    after = record.last
    entry = record.next(
        after,
        kind="promotion",
        stage="begun",
        by=f"{os.getpid()}",
        source="dev",
        release=release(1).id,
        continues=after.number if after else None,
    )
    ready.wait(WAIT_S)
    try:
        record.append(entry)
    except RefusedError:
        os._exit(LOST)
    os._exit(WON)


@pytest.mark.parametrize("at_once", [2, 4])
def test_of_some_who_append_at_once_one_wins(tmp_path: Path, at_once: int) -> None:
    releases = store(tmp_path, 1)
    rounds = 15
    for number in range(1, rounds + 1):
        ready = FORK.Barrier(at_once)
        racers = [FORK.Process(target=_race, args=(tmp_path, ready)) for _ in range(at_once)]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()
        assert sorted(racer.exitcode or WON for racer in racers) == [WON, *[LOST] * (at_once - 1)]
        (winner,) = [racer for racer in racers if racer.exitcode == WON]
        last = Record(tmp_path, STACK).last
        assert last is not None
        assert (last.number, last.by) == (number, str(winner.pid))
    assert problems(tmp_path, STACK, None, releases) == []


def _append_for_ever(root: Path, began: Event) -> None:
    record = Record(root, STACK)
    while True:
        _append_one(record)
        began.set()


def _append_one(record: Record) -> Entry:
    last = open_entry(record)
    if last is None:
        return append(record, "begun", release(1))
    if last.number % 3 == 0:
        return append(record, "begun", release(1), continues=last.number)
    return append(record, "applied", release(1), ends=last.number)


def test_a_writer_killed_at_any_moment_leaves_a_record_that_verifies(tmp_path: Path) -> None:
    releases, record = store(tmp_path, 1), Record(tmp_path, STACK)
    moments = random.Random(8)  # noqa: S311 - a seed, so that a failure comes again
    before = 0
    for _ in range(40):
        began = FORK.Event()
        writer = FORK.Process(target=_append_for_ever, args=(tmp_path, began))
        writer.start()
        assert began.wait(WAIT_S)
        time.sleep(moments.uniform(0, 0.02))
        writer.kill()
        writer.join()
        assert writer.exitcode == -signal.SIGKILL
        assert problems(tmp_path, STACK, None, releases) == []
        last = record.last
        assert last is not None
        assert last.number > before
        before = last.number


def _kill_myself(*ignored: object, **also: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("it is dead")


def _before_the_content(_: Record) -> None:
    os.fdopen = _kill_myself


def _before_the_link(_: Record) -> None:
    Path.hardlink_to = _kill_myself  # type: ignore[method-assign]


def _half_written(_: Record) -> None:
    real = os.fdopen

    def half(descriptor: int, mode: str) -> NoReturn:
        file = real(descriptor, mode)
        file.write(b'{"number":')
        file.flush()
        _kill_myself()

    os.fdopen = half  # type: ignore[assignment]


def _behind_the_link(_: Record) -> None:
    Path.unlink = _kill_myself  # type: ignore[method-assign]


def _at_the_end(_: Record) -> None:
    files._sync_folder = _kill_myself


def _die(root: Path, prepare: Callable[[Record], None]) -> None:
    record = Record(root, STACK)
    prepare(record)
    _append_one(record)


@pytest.mark.parametrize(
    ("prepare", "is_there", "drafts"),
    [
        (_before_the_content, False, 1),
        (_half_written, False, 1),
        (_before_the_link, False, 1),
        (_behind_the_link, True, 1),
        (_at_the_end, True, 0),
    ],
)
def test_a_writer_killed_at_each_step_leaves_all_of_an_entry_or_none(
    tmp_path: Path, prepare: Callable[[Record], None], is_there: bool, drafts: int
) -> None:
    releases, record = store(tmp_path, 1), Record(tmp_path, STACK)
    append(record, "begun", release(1))
    writer = FORK.Process(target=_die, args=(tmp_path, prepare))
    writer.start()
    writer.join()
    assert writer.exitcode == -signal.SIGKILL
    assert len(list(record)) == 1 + is_there
    assert len(list(record.file(1).parent.glob(".*"))) == drafts
    assert problems(tmp_path, STACK, None, releases) == []
    assert _append_one(record).number == 2 + is_there
    assert problems(tmp_path, STACK, None, releases) == []
