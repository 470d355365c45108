"""A status as one HTML file to publish: no script, nothing that is fetched, and it prints well.

Its Content-Security-Policy lets in one style sheet, by its digest, and nothing else.
"""

import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from catalog import prices
from catalog.cost import NOT_COUNTED
from catalog.project import PROJECT
from durable.files import replace_file
from promotion.release import release_rows
from promotion.status import words as status_words
from promotion.status.report import Report, Standing

_HERE = Path(__file__).parent
_TEMPLATE = "page.html.j2"
_STYLE = "page.css"
_TONES = {
    Standing.READY: "good",
    Standing.SETTLED: "good",
    Standing.SOAKING: "waits",
    Standing.UPDATING: "waits",
    Standing.NOT_DEPLOYED: "quiet",
    Standing.NO_RELEASE: "odd",
}
"""How a state is coloured, beside its words; the others are `bad`."""


def write_page(path: Path, report: Report) -> None:
    """Whoever reads the file meanwhile has the old page or the new; raises OSError."""
    replace_file(path, page(report))


def page(report: Report) -> str:
    """The same for the same report."""
    style = (_HERE / _STYLE).read_text()
    return (
        _environment()
        .get_template(_TEMPLATE)
        .render(
            report=report,
            project=PROJECT,
            # In the page as it is: an escaped sheet would be another one, with another digest.
            style=Markup(style),  # noqa: S704 - our own file
            style_digest=_digest(style),
            words=status_words,
            tones={each: _TONES.get(each, "bad") for each in Standing},
            release_rows=release_rows,
            prices_of=prices.AS_OF,
            not_counted=NOT_COUNTED,
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["machine_time"] = _machine_time
    return environment


def _machine_time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _digest(style: str) -> str:
    """As a Content-Security-Policy names a style element by its text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
