"""How a report is told: one format a file."""

from enum import StrEnum

from gate.formats import json_document, junit, markdown, sarif, terminal
from gate.report import Report


class Format(StrEnum):
    """What `render` makes. `TERMINAL` is for people, `MARKDOWN` for a comment on a pull request."""

    TERMINAL = "terminal"
    JSON = "json"
    MARKDOWN = "markdown"
    SARIF = "sarif"
    JUNIT = "junit"


def render(report: Report, form: Format, /, *, color: bool = False) -> str:
    """The whole report as text that ends with a newline.

    `color`: tables and colours of a terminal; only `TERMINAL` has any.
    """
    match form:
        case Format.TERMINAL:
            return terminal.render(report, color=color)
        case Format.JSON:
            return json_document.render(report)
        case Format.MARKDOWN:
            return markdown.render(report)
        case Format.SARIF:
            return sarif.render(report)
        case Format.JUNIT:
            return junit.render(report)
