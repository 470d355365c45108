"""The report for a person at a terminal, or in a log."""

from collections.abc import Iterator

from gate.formats.printable import one_line
from gate.report import Report, Section


def render(report: Report, *, color: bool) -> str:
    return "".join(f"{line}\n" for section in report.sections for line in _lines(section))


def _lines(section: Section) -> Iterator[str]:
    yield f"{section.outcome.value:<8} {one_line(section.name)}"
    for step in section.steps:
        yield f"  {step.outcome.value:<8} {one_line(step.name)}: {one_line(step.summary)}"
        for item in step.items:
            yield f"    {one_line(item.rule)} {one_line(item.resource)}: {one_line(item.message)}"
