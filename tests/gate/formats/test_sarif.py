"""The report for code scanning, held against models made of a late draft of SARIF's schema."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Sarif

from gate.formats import Format, render
from gate.formats.printable import printable
from gate.report import Report
from tests.gate.formats.reports import DEV, EVERYTHING, PROD, refusing, reports, unhurried


def run_of(report: Report) -> dict[str, Any]:
    document = json.loads(render(report, Format.SARIF))
    Sarif.model_validate(document)
    run: dict[str, Any] = document["runs"][0]
    return run


def test_the_models_refuse_what_the_schema_refuses() -> None:
    document = json.loads(render(EVERYTHING, Format.SARIF))
    document["runs"][0]["results"][0]["level"] = "critical"
    with pytest.raises(ValidationError, match="level"):
        Sarif.model_validate(document)


def test_results_have_levels_places_and_one_rule_each() -> None:
    run = run_of(EVERYTHING)
    assert [(each["ruleId"], each["level"]) for each in run["results"]] == [
        ("kubernetes-container-image-pinned", "error"),
        ("alert rules", "error"),
        ("kubernetes-gpu-memory-limit", "error"),
        ("kubernetes-container-image-pinned", "error"),
        ("kubernetes-efa-used", "warning"),
    ]
    places = [each["locations"][0]["physicalLocation"] for each in run["results"]]
    assert places[0]["artifactLocation"]["uri"] == "stacks/Pulumi.prod.yaml"
    assert places[0]["region"] == {"startLine": 29}
    assert places[2]["artifactLocation"]["uri"] == "stacks/Pulumi.prod.yaml"
    assert "could not be checked" in run["results"][2]["message"]["text"]


def test_what_is_of_no_stack_has_no_place_in_the_file_of_one() -> None:
    unplaced = replace(PROD, name="manifests")
    placed, *others = run_of(Report([unplaced], "1"))["results"]
    assert placed["locations"][0]["physicalLocation"]["region"] == {"startLine": 29}
    assert [each["locations"] for each in others] == [[]] * 4


def test_rules_have_help_and_the_highest_severity_of_their_results() -> None:
    rules = {each["id"]: each for each in run_of(EVERYTHING)["tool"]["driver"]["rules"]}
    pinned = rules["kubernetes-container-image-pinned"]
    assert pinned["properties"] == {"tags": ["security"], "security-severity": "9.5"}
    assert pinned["help"]["text"] == "Pin the image by its digest."
    assert pinned["helpUri"].startswith("https://kubernetes.io/")
    assert "properties" not in rules["alert rules"]


def test_a_waived_result_is_suppressed_with_its_reason() -> None:
    suppressed = [each for each in run_of(EVERYTHING)["results"] if "suppressions" in each]
    assert len(suppressed) == 1
    (suppression,) = suppressed[0]["suppressions"]
    assert suppression["kind"] == "external"
    assert "Until the vendor publishes a digest" in suppression["justification"]


def test_a_step_that_did_not_finish_makes_the_run_unsuccessful() -> None:
    (invocation,) = run_of(EVERYTHING)["invocations"]
    assert invocation["executionSuccessful"] is False
    (told,) = invocation["toolExecutionNotifications"]
    assert told["message"]["text"] == "dev, preview: the engine ended with 255"
    assert run_of(Report([PROD], "1"))["invocations"][0]["executionSuccessful"] is True


def test_a_fingerprint_is_of_the_place_not_of_what_was_found_there() -> None:
    def fingerprints(report: Report) -> list[str]:
        return [
            each["partialFingerprints"]["primaryLocationLineHash"]
            for each in run_of(report)["results"]
        ]

    step = PROD.steps[1]
    said_anew = [replace(item, message=f"{item.message}, again") for item in step.items]
    changed = replace(PROD, steps=[PROD.steps[0], replace(step, items=said_anew), *PROD.steps[2:]])
    assert fingerprints(Report([changed, DEV], "2")) == fingerprints(EVERYTHING)
    twice = replace(PROD, steps=[replace(step, items=[step.items[3], step.items[3]])])
    assert len(set(fingerprints(Report([twice], "1")))) == 2


@unhurried
@given(reports)
def test_any_report_keeps_to_the_schema_and_loses_nothing_that_refuses(report: Report) -> None:
    run = run_of(report)
    results = run["results"]
    keys = [
        (each["ruleId"], each["partialFingerprints"]["primaryLocationLineHash"]) for each in results
    ]
    assert len(set(keys)) == len(keys)
    ids = [each["id"] for each in run["tool"]["driver"]["rules"]]
    assert len(ids) == len(set(ids))
    assert {each["ruleId"] for each in results} == set(ids)
    errors = [each["message"]["text"] for each in results if each["level"] == "error"]
    for item in refusing(report):
        assert any(printable(item.message) in text for text in errors)
