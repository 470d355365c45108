"""The report for programs."""

import json

from hypothesis import given
from jsonschema import Draft202012Validator

from gate.formats import Format, json_document, json_schema, render
from gate.report import Report
from tests.gate.formats.reports import EVERYTHING, refusing, reports, unhurried

VALIDATOR = Draft202012Validator(json_schema.json_schema())


def test_the_schema_in_the_docs_is_that_of_the_code() -> None:
    assert json_schema.FILE.read_text() == json_schema.text(), (
        "run python -m gate.formats.json_schema"
    )
    Draft202012Validator.check_schema(json_schema.json_schema())


def test_the_document_holds_everything_with_the_outcomes() -> None:
    told = json.loads(render(EVERYTHING, Format.JSON))
    assert told["outcome"] == "error"
    assert [each["outcome"] for each in told["sections"]] == ["refused", "error"]
    prod = told["sections"][0]
    refused = prod["steps"][1]["items"][3]
    assert refused["place"] == {"file": "stacks/Pulumi.prod.yaml", "line": 29}
    assert prod["unused_waivers"][0]["expires"] == "2026-12-31"
    assert prod["costs"][1]["before_usd_per_hour"] is None


def test_a_failure_has_the_same_keys() -> None:
    failure = {**json_document.empty(), "error": "no stack of that name", "problems": []}
    assert list(VALIDATOR.iter_errors(failure)) == []
    assert failure.keys() == json.loads(render(EVERYTHING, Format.JSON)).keys()


def test_a_left_out_key_would_be_noticed() -> None:
    told = json.loads(render(EVERYTHING, Format.JSON))
    del told["sections"][0]["steps"][1]["items"][0]["waiver"]
    assert not VALIDATOR.is_valid(told)


@unhurried
@given(reports)
def test_any_report_keeps_to_the_schema_and_loses_nothing(report: Report) -> None:
    text = render(report, Format.JSON)
    text.encode()
    told = json.loads(text)
    assert list(VALIDATOR.iter_errors(told)) == []
    messages = [
        item["message"]
        for section in told["sections"]
        for step in section["steps"]
        for item in step["items"]
        if item["refuses"]
    ]
    assert messages == [item.message for item in refusing(report)]
