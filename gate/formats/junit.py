"""The report as JUnit XML: one testsuite a section, one testcase a step and rule."""

from collections import defaultdict
from xml.etree import ElementTree as Xml

from gate.formats.findings import Found, Standing
from gate.formats.printable import one_line, printable
from gate.report import Outcome, Report, Section, Step

_LONGEST_ATTRIBUTE = 500
"""Characters: what CI systems show in a list; the element's text has all of it."""

_ELEMENTS = {Outcome.REFUSED: "failure", Outcome.ERROR: "error", Outcome.SKIPPED: "skipped"}


def render(report: Report) -> str:
    root = Xml.Element("testsuites", name="moe check")
    for section in report.sections:
        root.append(_suite(section))
    Xml.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{Xml.tostring(root, encoding="unicode")}\n'


def _suite(section: Section) -> Xml.Element:
    suite = Xml.Element("testsuite", name=_attribute(section.name))
    for step in section.steps:
        suite.append(_of_step(section, step))
        by_rule = defaultdict(list)
        for item in sorted(step.items, key=lambda each: not each.refuses):
            by_rule[item.rule].append(Found(section, step, item))
        for rule, those in sorted(by_rule.items()):
            suite.append(_of_rule(section, step, rule, those))
    suite.set("tests", str(len(suite)))
    for attribute, element in (
        ("failures", "failure"),
        ("errors", "error"),
        ("skipped", "skipped"),
    ):
        suite.set(attribute, str(len(suite.findall(f"testcase/{element}"))))
    suite.set("time", f"{sum(step.duration_s for step in section.steps):.3f}")
    return suite


def _of_step(section: Section, step: Step) -> Xml.Element:
    case = Xml.Element(
        "testcase",
        classname=_attribute(section.name),
        name=_attribute(step.name),
        time=f"{step.duration_s:.3f}",
    )
    _say(case, _ELEMENTS.get(step.outcome, "system-out"), step.summary)
    return case


def _of_rule(section: Section, step: Step, rule: str, findings: list[Found]) -> Xml.Element:
    """A failure where one of them refuses, skipped where waivers let all of them pass."""
    case = Xml.Element(
        "testcase",
        classname=_attribute(f"{section.name}.{step.name}"),
        name=_attribute(rule),
        time="0",
    )
    text = "\n".join(_told(each) for each in findings)
    if any(each.item.refuses for each in findings):
        _say(case, "failure", text)
    elif all(each.standing is Standing.WAIVED for each in findings):
        _say(case, "skipped", text)
    else:
        _say(case, "system-out", text)
    return case


def _told(each: Found) -> str:
    item = each.item
    lines = [f"{each.standing}: {item.resource or each.section.name}: {item.message}"]
    if item.remediation:
        lines.append(f"fix: {item.remediation}")
    if item.waiver:
        lines.append(item.waiver.shown())
    return "\n".join(lines)


def _say(case: Xml.Element, element: str, text: str) -> None:
    told = Xml.SubElement(case, element)
    if element != "system-out":
        told.set("message", _attribute(text))
    told.text = printable(text)


def _attribute(text: str) -> str:
    return one_line(text)[:_LONGEST_ATTRIBUTE]
