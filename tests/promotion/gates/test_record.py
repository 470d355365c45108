"""Gate: a record that is not intact refuses."""

from promotion.gate import Outcome
from promotion.gates.record import judge
from promotion.verify import RecordProblem


def test_an_intact_record_passes() -> None:
    assert judge([]).outcome is Outcome.PASSED


def test_one_thing_wrong_refuses_with_its_file() -> None:
    found = judge([RecordProblem("releases/record/prod/000002.json", "its number is 7")])
    assert found.refuses
    assert found.gate == "record"
    assert found.evidence == (
        "1 thing wrong with the record: releases/record/prod/000002.json: its number is 7"
    )
    assert found.remedy


def test_all_are_told() -> None:
    found = judge([RecordProblem("a.json", "one"), RecordProblem("b.json", "two")])
    assert found.evidence == "2 things wrong with the record: a.json: one"
    assert list(found.details) == ["b.json: two"]
