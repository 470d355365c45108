"""What is found in a record that is not as it was written, and what nothing can find."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from promotion.anchor import message
from promotion.errors import PromotionError
from promotion.pulumi_stack import Update
from promotion.record import Entry, GateSaid, Record, text_of
from promotion.verify import Verified, problems, verified
from tests.promotion.drawn_records import RELEASES, STACK, records, write
from tests.promotion.releases import append, release, store
from tests.promotion.test_anchor import update

_CHANGES = ["byte", "value", "drop", "swap", "renumber", "cut off", "copy"]


def history(entries: Sequence[Entry]) -> list[Update]:
    """Of a stack to which each begun entry was brought up; the newest first."""
    begun = [update(message(entry)) for entry in entries if entry.stage == "begun"]
    return [update("by hand"), *reversed(begun)]


def whats(root: Path, updates: Sequence[Update] | None = None) -> list[str]:
    return [each.what for each in problems(root, STACK, updates, store(root, *RELEASES))]


def of_two_moves(root: Path) -> Record:
    """Entries 1 and 2 of release 1, 3 and 4 of release 2."""
    store(root, *RELEASES)
    record = Record(root, STACK)
    for number in (1, 2):
        begun = append(record, "begun", release(number))
        append(record, "applied", release(number), ends=begun.number)
    return record


def changed(record: Record, number: int, /, **said: object) -> None:
    """The one entry; those after it keep the hash that it had."""
    file = record.file(number)
    file.write_text(json.dumps({**json.loads(file.read_text()), **said}))


def rewritten(record: Record, number: int, /, **said: object) -> None:
    """The entry, and those after it as if it had been so from the beginning."""
    previous = None
    for entry in list(record):
        told = {
            **entry.model_dump(),
            "previous": previous,
            **(said if entry.number == number else {}),
        }
        again = Entry.model_validate(told)
        record.file(entry.number).write_text(text_of(again))
        previous = again.hash


@given(records())
@settings(deadline=None)
def test_a_record_as_it_was_written_is_intact(entries: list[Entry]) -> None:
    with TemporaryDirectory() as folder:
        record = write(Path(folder), entries)
        releases = store(Path(folder), *RELEASES)
        assert list(record) == entries
        begun = [entry.number for entry in entries if entry.stage == "begun"]
        assert verified(Path(folder), STACK, None, releases) == Verified(
            STACK, len(entries), [], None
        )
        assert verified(Path(folder), STACK, history(entries), releases) == Verified(
            STACK, len(entries), [], begun
        )


@given(records(least_moves=1), st.data())
@settings(deadline=None)
def test_any_single_change_before_the_last_anchor_is_found(
    entries: list[Entry], data: st.DataObject
) -> None:
    """One anchor is enough for all that came before it."""
    last_anchored = max(entry.number for entry in entries if entry.stage == "begun")
    numbers = st.integers(1, last_anchored)
    with TemporaryDirectory() as folder:
        root = Path(folder)
        record = write(root, entries)
        number = data.draw(numbers)
        file = record.file(number)
        match data.draw(st.sampled_from(_CHANGES)):
            case "byte":
                _change_a_byte(file, data)
            case "value":
                _change_a_value(record, number, data)
            case "drop":
                file.unlink()
            case "swap":
                other = record.file(data.draw(numbers))
                assume(other != file)
                mine, others = file.read_text(), other.read_text()
                file.write_text(others)
                other.write_text(mine)
            case "renumber":
                to = data.draw(st.integers(1, len(entries) + 2))
                assume(to != number)
                file.rename(record.file(to))
            case "cut off":
                for each in range(number, len(entries) + 1):
                    record.file(each).unlink()
            case "copy":
                record.file(len(entries) + 1).write_text(file.read_text())
        assert whats(root, history(entries)[:2])


def _change_a_value(record: Record, number: int, data: st.DataObject) -> None:
    """To another that an entry may have."""
    key = data.draw(st.sampled_from(["by", "why", "plan", "file", "replaces", "previous", "gates"]))
    value: object = "f" * 64 if key in ("plan", "file", "replaces", "previous") else "somebody else"
    if key == "gates":
        value = [GateSaid(gate="cost", outcome="pass", evidence="free").model_dump()]
    changed(record, number, **{key: value})


def _change_a_byte(file: Path, data: st.DataObject) -> None:
    """Any that is no space between values: those are nobody's word."""
    content = bytearray(file.read_bytes())
    entry = Entry.model_validate_json(bytes(content))
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(ValueError):
        assume(Entry.model_validate_json(bytes(content)) != entry)
    file.write_bytes(bytes(content))


@given(records(least_moves=2), st.data())
@settings(deadline=None)
def test_a_record_that_was_written_anew_is_found_by_its_anchors(
    entries: list[Entry], data: st.DataObject
) -> None:
    last_anchored = max(entry.number for entry in entries if entry.stage == "begun")
    with TemporaryDirectory() as folder:
        root = Path(folder)
        record = write(root, entries)
        number = data.draw(st.integers(1, last_anchored))
        rewritten(record, number, by=entries[number - 1].by + " and another")
        assert whats(root) == []
        found = whats(root, history(entries))
        anchored = [e.number for e in entries if e.stage == "begun" and e.number >= number]
        assert len(found) == len(anchored)
        assert all("was removed or rewritten" in what for what in found)


def test_what_lies_behind_the_last_anchor_is_held_by_nothing(tmp_path: Path) -> None:
    """The limit that the docs tell of: a chain does not hold its last link."""
    record = of_two_moves(tmp_path)
    updates = history(list(record))
    changed(record, 4, by="somebody else")
    assert whats(tmp_path, updates) == []
    record.file(4).unlink()
    assert whats(tmp_path, updates) == []
    record.file(3).unlink()
    assert whats(tmp_path) == []
    assert "was removed or rewritten" in whats(tmp_path, updates)[0]


@pytest.mark.parametrize(
    ("number", "said", "expected"),
    [
        (2, {"number": 7}, "its number is 7"),
        (2, {"target": "prod"}, "it is of stack prod"),
        (2, {"at": "2020-01-01T00:00:00Z"}, "its time 2020-01-01T00:00:00Z is before"),
        (2, {"ends": 3}, "it is applied and ends 3; open is entry 1"),
        (2, {"ends": None}, "it is applied and ends none; open is entry 1"),
        (4, {"ends": 1}, "it is applied and ends 1; open is entry 3"),
        (4, {"continues": 3}, "it is applied and continues another"),
        (4, {"stage": "begun", "ends": None}, "entry 3 is open, and it does not continue that"),
        (4, {"stage": "begun"}, "it is begun and ends another"),
        (4, {"kind": "rollback"}, "its kind is rollback, and that of entry 3 promotion"),
        (4, {"source": "prod"}, "its source is prod, and that of entry 3 dev"),
        (4, {"release": release(3).id}, f"its release is {release(3).id}, and that of entry 3"),
        (3, {"continues": 1}, "it continues entry 1, which is not open"),
        (3, {"stage": "applied", "ends": 1}, "it is applied, and no entry is open"),
        (1, {"previous": "a" * 64}, "it follows on aaaaaaaaaaaa, and the one before is nothing"),
        (3, {"previous": None}, "it follows on nothing, and the one before is"),
        (3, {"release": "a" * 64}, "its release aaaaaaaaaaaa: release"),
    ],
)
def test_each_thing_that_is_wrong_is_told(
    tmp_path: Path, number: int, said: dict[str, object], expected: str
) -> None:
    record = of_two_moves(tmp_path)
    assert whats(tmp_path) == []
    changed(record, number, **said)
    found = problems(tmp_path, STACK, None, store(tmp_path))
    own = [each.what for each in found if each.file.endswith(f"{number:06}.json")]
    assert any(what.startswith(expected) for what in own), own


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "is no entry of a record: (file): Invalid JSON"),
        ("[]", "is no entry of a record: (file): "),
        ('{"number": 2}', "is no entry of a record: kind: Field required"),
        ("[" * 100_000, "is no entry of a record: (file): "),
    ],
)
def test_what_cannot_be_read_is_told_once(tmp_path: Path, content: str, expected: str) -> None:
    record = of_two_moves(tmp_path)
    record.file(2).write_text(content)
    (found,) = problems(tmp_path, STACK, None, store(tmp_path))
    assert found.file == f"releases/record/{STACK}/000002.json"
    assert found.what.startswith(expected)
    assert "\n" not in str(found)


def test_a_key_that_stands_twice_is_told(tmp_path: Path) -> None:
    record = of_two_moves(tmp_path)
    file = record.file(1)
    file.write_text(file.read_text().replace("{", '{"by": "somebody else",', 1))
    assert whats(tmp_path) == ["is no entry of a record: by: stands there twice"]


def test_a_day_that_there_is_not_is_no_time(tmp_path: Path) -> None:
    record = of_two_moves(tmp_path)
    changed(record, 4, at="2026-02-30T00:00:00Z")
    assert whats(tmp_path) == [
        "is no entry of a record: at: Value error, day is out of range for month"
    ]


def test_what_is_missing_is_told_at_the_next(tmp_path: Path) -> None:
    record = of_two_moves(tmp_path)
    record.file(1).unlink()
    assert whats(tmp_path) == ["follows on entry 0: 1 is missing"]
    record.file(2).unlink()
    record.file(3).unlink()
    assert whats(tmp_path) == ["follows on entry 0: 1 to 3 are missing"]


def test_releases_must_be_there_and_be_themselves(tmp_path: Path) -> None:
    of_two_moves(tmp_path)
    releases = store(tmp_path)
    releases.file(release(1)).unlink()
    releases.file(release(2)).write_text(releases.file(release(3)).read_text())
    found = problems(tmp_path, STACK, None, releases)
    assert [each.file[-11:] for each in found] == [f"{n:06}.json" for n in (1, 2, 3, 4)]
    assert "there is none" in found[0].what
    assert "somebody has changed it" in found[2].what


def test_strangers_are_told_and_drafts_are_not(tmp_path: Path) -> None:
    record = of_two_moves(tmp_path)
    folder = record.file(1).parent
    (folder / ".000005.json.4711").write_text("{")
    (folder / ".000005.json.4711.0a1b2c3d").write_text("{")
    assert whats(tmp_path) == []
    (folder / "notes.txt").write_text("")
    (folder / "0000004.json").write_text(record.file(4).read_text())
    (folder / "sub").mkdir()
    (folder / "\x1b[2J.json").write_text("")
    found = {str(each) for each in problems(tmp_path, STACK, None, store(tmp_path))}
    place = f"releases/record/{STACK}"
    assert found == {
        f"{place}/notes.txt: does not belong here",
        f"{place}/0000004.json: entry 4 has another name",
        f"{place}/sub: does not belong here",
        f"{place}/\\x1b[2J.json: does not belong here",
    }
    assert [entry.number for entry in record][:4] == [1, 2, 3, 4]


def test_a_link_is_no_entry(tmp_path: Path) -> None:
    record = of_two_moves(tmp_path)
    elsewhere = tmp_path / "elsewhere.json"
    record.file(4).rename(elsewhere)
    record.file(4).symlink_to(elsewhere)
    assert whats(tmp_path) == ["is no file of its own"]


def test_a_record_that_is_gone_altogether_is_found_by_its_anchors(tmp_path: Path) -> None:
    record = of_two_moves(tmp_path)
    updates = history(list(record))
    for number in range(1, 5):
        record.file(number).unlink()
    record.file(1).parent.rmdir()
    assert whats(tmp_path) == []
    assert len(whats(tmp_path, updates)) == 2


def test_no_record_is_intact(tmp_path: Path) -> None:
    assert verified(tmp_path, STACK, [], store(tmp_path)) == Verified(STACK, 0, [], [])


def test_the_reader_of_an_entry_names_file_and_reason_in_one_line(tmp_path: Path) -> None:
    record = of_two_moves(tmp_path)
    changed(record, 2, **{"\x1b]0;x": 1})
    with pytest.raises(PromotionError) as refused:
        list(record)
    assert str(refused.value) == (
        f"releases/record/{STACK}/000002.json: is no entry of a record:"
        " \\x1b]0;x: Extra inputs are not permitted"
    )


def test_what_pulumi_never_deployed_was_not_applied(tmp_path: Path) -> None:
    """Entries that somebody has written by hand: the chain holds, and no update stands behind."""
    record = of_two_moves(tmp_path)
    begun = [entry for entry in record if entry.stage == "begun"]
    assert whats(tmp_path, history(begun)) == []
    (problem,) = problems(tmp_path, STACK, history(begun[:1]), store(tmp_path, *RELEASES))
    assert str(problem) == (
        f"releases/record/{STACK}/000004.json: Pulumi has never deployed entry 3, which this one"
        " ends"
    )


def test_what_was_begun_or_has_failed_needs_no_update(tmp_path: Path) -> None:
    """`up` may be refused before Pulumi writes anything."""
    record = of_two_moves(tmp_path)
    updates = history(list(record))
    begun = append(record, "begun", release(3))
    assert whats(tmp_path, updates) == []
    append(record, "failed", release(3), ends=begun.number)
    assert whats(tmp_path, updates) == []


def test_a_backend_may_have_forgotten_old_updates(tmp_path: Path) -> None:
    record = of_two_moves(tmp_path)
    third = append(record, "begun", release(3))
    append(record, "applied", release(3), ends=third.number)
    begun = [entry for entry in record if entry.stage == "begun"]
    assert whats(tmp_path, history(begun[1:])) == []
    assert whats(tmp_path, []) == []
    (told,) = whats(tmp_path, history([begun[0], begun[2]]))
    assert told == "Pulumi has never deployed entry 3, which this one ends"


def test_entries_of_a_stack_that_pulumi_has_known_longer_need_an_update(tmp_path: Path) -> None:
    """Not one update has an anchor: all of the record may be somebody's invention."""
    of_two_moves(tmp_path)
    by_hand = replace(update("by hand"), started=datetime.now(UTC) - timedelta(hours=1))
    found = whats(tmp_path, [update("by hand"), by_hand])
    assert found == [
        "Pulumi has never deployed entry 1, which this one ends",
        "Pulumi has never deployed entry 3, which this one ends",
    ]
    assert whats(tmp_path, [update("of a stack that was created again")]) == []
