"""What the message of an update says of an entry, and what is read back of it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given

from promotion.anchor import anchored, message
from promotion.pulumi_stack import Update
from promotion.record import Entry, Record
from tests.promotion.drawn_records import records
from tests.promotion.releases import append, release


def update(text: str) -> Update:
    return Update(1, "update", "succeeded", datetime.now(UTC), None, text)


@given(records())
def test_what_is_written_is_read_back(entries: list[Entry]) -> None:
    for entry in entries:
        assert anchored(update(message(entry))) == (entry.number, entry.hash)
        assert anchored(update(message(entry) + "\n")) == (entry.number, entry.hash)
        assert "\n" not in message(entry)


def test_a_person_can_read_it(tmp_path: Path) -> None:
    record = Record(tmp_path, "staging")
    begun = append(record, "begun", release(1))
    moved = release(1).short_id
    assert message(begun) == f"promotion of {moved}, dev -> staging (record 1, {begun.hash})"
    end = append(record, "applied", release(1), ends=1)
    back = append(record, "begun", release(2), kind="rollback", source=None)
    moved = release(2).short_id
    assert message(back) == f"rollback of {moved}, staging (record 3, {back.hash})"
    assert message(end).endswith(f"(record 2, {end.hash})")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "by hand",
        f"(record 0, {'a' * 64})",
        f"(record 1, {'a' * 63})",
        f"(record 1, {'A' * 64})",
        f"(record 1, {'a' * 64}) and more",
        f"(record \u0661, {'a' * 64})",
        f"(record {'9' * 5000}, {'a' * 64})",
    ],
)
def test_any_other_message_is_no_anchor(text: str) -> None:
    assert anchored(update(text)) is None
