"""The report for a person."""

import re

from hypothesis import given

from gate.formats import Format, render
from gate.formats.printable import one_line
from gate.report import Report
from tests.gate.formats.reports import CLEAN, EVERYTHING, refusing, reports, unhurried

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def test_lines_tell_steps_then_what_refuses_first_and_end_with_the_outcome() -> None:
    lines = render(EVERYTHING, Format.TERMINAL).splitlines()
    assert lines[0] == "prod: refused"
    assert lines[1] == "  passed  settings: 14 sections (0.2 s)"
    findings = lines[lines.index("Findings") + 1 :]
    kinds = [line.split("  ")[1] for line in findings if re.match(r"  \w", line)]
    assert kinds == ["refused", "refused", "not checked", "waived", "advice"]
    assert findings[0].startswith("  refused  prod critical kubernetes-container-image-pinned vllm")
    assert findings[1] == "      fix: Pin the image by its digest."
    assert lines[-1] == "error: 1 unfinished, 2 refused, 1 not checked, 1 waived, 1 advice"


def test_a_step_that_refuses_by_itself_is_a_finding() -> None:
    text = render(EVERYTHING, Format.TERMINAL)
    assert "  refused  prod alert rules: ExpertDead does not fire" in text


def test_changes_tell_the_protected_and_the_replaced_first_and_why() -> None:
    lines = render(EVERYTHING, Format.TERMINAL).splitlines()
    at = lines.index("prod: changes against 1a2b3c4")
    assert lines[at + 1] == "  update, protected  aws:s3/bucket:Bucket weights: tags"
    assert lines[at + 2] == "  replace  aws:eks/nodeGroup:NodeGroup gpu: b"


def test_nothing_to_say_is_said() -> None:
    assert render(CLEAN, Format.TERMINAL).endswith("passed: nothing found\n")
    assert render(Report([], "1"), Format.TERMINAL) == "passed: nothing was checked\n"


def test_colours_are_a_terminal_s_alone() -> None:
    assert "\x1b[31m" in render(EVERYTHING, Format.TERMINAL, color=True)
    assert "\x1b" not in render(EVERYTHING, Format.TERMINAL)


@unhurried
@given(reports)
def test_any_report_is_told_whole_and_cannot_command_the_terminal(report: Report) -> None:
    text = render(report, Format.TERMINAL)
    text.encode()
    assert "\x1b" not in text
    for item in refusing(report):
        assert one_line(item.rule) in text
        assert one_line(item.message) in one_line(text)
    assert "\x1b" not in _COLOUR.sub("", render(report, Format.TERMINAL, color=True))
