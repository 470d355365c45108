"""The report for CI systems, as a library reads it."""

from hypothesis import given
from junitparser import Error, Failure, JUnitXml, Skipped, TestSuite

from gate.formats import Format, render
from gate.formats.printable import printable
from gate.report import Outcome, Report
from tests.gate.formats.reports import EVERYTHING, refusing, reports, unhurried


def suites(report: Report) -> list[TestSuite]:
    return list(JUnitXml.fromstring(render(report, Format.JUNIT).encode()))


def results(suite: TestSuite) -> dict[str, list[type]]:
    return {f"{c.classname} {c.name}": [type(each) for each in c.result] for c in suite}


def test_steps_and_rules_are_cases_of_their_section() -> None:
    prod, dev = suites(EVERYTHING)
    assert results(prod) == {
        "prod settings": [],
        "prod policies": [Failure],
        "prod.policies kubernetes-container-image-pinned": [Failure],
        "prod.policies kubernetes-efa-used": [],
        "prod.policies kubernetes-gpu-memory-limit": [Failure],
        "prod alert rules": [Failure],
        "prod cost": [Skipped],
    }
    assert results(dev) == {"dev preview": [Error]}
    assert (prod.tests, prod.failures, prod.errors, prod.skipped) == (7, 4, 0, 1)
    assert prod.time == 12.7


def test_a_failure_says_what_to_do_and_a_waiver_for_whom() -> None:
    prod = suites(EVERYTHING)[0]
    pinned = next(case for case in prod if case.name == "kubernetes-container-image-pinned")
    text = pinned.result[0].text
    assert "refused: vllm: " in text
    assert "\nfix: Pin the image by its digest.\n" in text
    assert "waived until 2026-12-31 by team-serving: Until the vendor" in text


def test_what_waivers_let_pass_is_skipped_not_failed() -> None:
    policies = EVERYTHING.sections[0].steps[1]
    waived = [item for item in policies.items if item.waiver]
    step = type(policies)("policies", Outcome.PASSED, "1 waived", waived)
    report = Report([type(EVERYTHING.sections[0])("prod", [step])], "1")
    assert results(suites(report)[0])["prod.policies kubernetes-container-image-pinned"] == [
        Skipped
    ]


@unhurried
@given(reports)
def test_any_report_is_xml_and_loses_nothing_that_refuses(report: Report) -> None:
    failures = [
        each.text or ""
        for suite in suites(report)
        for case in suite
        for each in case.result
        if isinstance(each, Failure)
    ]
    for item in refusing(report):
        assert any(printable(item.message) in text for text in failures)
    for section, suite in zip(report.sections, suites(report), strict=True):
        assert suite.errors == sum(step.outcome is Outcome.ERROR for step in section.steps)
