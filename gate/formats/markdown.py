"""The report as a comment on a pull request: the verdict first, then what to do.

Everything from outside goes through `escaped`: it can neither mention a person nor make a
link, a heading or HTML. What does not fit a comment is left out from the end, and counted.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gate.formats.findings import (
    Found,
    Standing,
    because_of,
    found,
    is_risky,
    riskiest_first,
    shown_cost,
    shown_operation,
    tally,
    unfinished,
)
from gate.formats.printable import one_line
from gate.report import Change, Report, Section, Step

MARKER = "<!-- moe check -->"
"""First line: by it a bot finds its own comment, to update it."""

LIMIT = 65_536
"""Characters of a comment that GitHub accepts; GitLab accepts more."""

_LONGEST_VALUE = 1_000
_OPEN_CHANGES = 20
_LEFT_OUT = "\n**{} more do not fit a comment; the reports of the job have them.**"

_ESCAPED = re.compile(
    r"(?P<structure>[\\`*_~\[\]<>|&$!])|[@#]|:(?=//)|\bGH(?=-\d)|\bwww(?=\.)", re.IGNORECASE
)
_NOTHING = "&#8203;"
"""A space of no width."""


def escaped(text: str) -> str:
    """One line that shows `text`, at most `_LONGEST_VALUE` characters of it.

    Character references never make structure (CommonMark 0.31, section 2.5). Mentions, numbers
    of issues and bare links are found in the text that is shown, so these are broken up.
    """
    line = one_line(text)
    if len(line) > _LONGEST_VALUE:
        line = f"{line[:_LONGEST_VALUE]} … ({len(line) - _LONGEST_VALUE} characters more)"
    return _ESCAPED.sub(_harmless, line)


def _harmless(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};" if found["structure"] else f"{found[0]}{_NOTHING}"


@dataclass(frozen=True)
class _Part:
    """A list or the rows of a table under a heading; a folded one opens at a click."""

    heading: str
    rows: Sequence[str]
    head: Sequence[str] = ()
    folded: bool = False

    @property
    def start(self) -> str:
        if self.folded:
            heading = f"<details><summary>{self.heading}</summary>"
        else:
            heading = f"### {self.heading}"
        return "\n".join(["", heading, "", *self.head])

    @property
    def end(self) -> str:
        return "\n</details>" if self.folded else ""

    @property
    def least(self) -> int:
        """Characters without a single row."""
        return len(self.start) + len(self.end) + len(_LEFT_OUT) + 10


def render(report: Report) -> str:
    start = [MARKER, f"## moe check: {report.outcome}", "", tally(report)]
    return _fitting(start, [part for part in _parts(report) if part.rows])


def _fitting(lines: list[str], parts: Sequence[_Part]) -> str:
    """Rows as long as they fit; a part keeps its heading, which tells how many rows it has."""
    left = LIMIT - len("\n".join(lines)) - sum(part.least for part in parts)
    for part in parts:
        lines.append(part.start)
        shown = 0
        for row in part.rows:
            if len(row) < left:
                lines.append(row)
                left -= len(row) + 1
                shown += 1
        if shown < len(part.rows):
            lines.append(_LEFT_OUT.format(len(part.rows) - shown))
        lines.append(part.end)
    return "\n".join(lines).rstrip("\n") + "\n"


_HEADINGS = {
    Standing.REFUSED: "Refused",
    Standing.NOT_CHECKED: "Could not be checked",
    Standing.ADVICE: "Advice",
}


def _parts(report: Report) -> Iterable[_Part]:
    everything = found(report)
    parts = {
        standing: _Part(
            f"{heading} ({sum(each.standing is standing for each in everything)})",
            [_bullet(each) for each in everything if each.standing is standing],
            folded=standing is Standing.ADVICE,
        )
        for standing, heading in _HEADINGS.items()
    }
    yield _steps("Not finished", unfinished(report))
    yield parts[Standing.REFUSED]
    yield parts[Standing.NOT_CHECKED]
    yield _waivers(report)
    yield from _changes(report)
    yield _costs(report)
    yield parts[Standing.ADVICE]
    steps = [(section, step) for section in report.sections for step in section.steps]
    yield _steps(f"Steps, by pack {escaped(report.pack_version)}", steps, folded=True)


def _steps(heading: str, steps: Sequence[tuple[Section, Step]], *, folded: bool = False) -> _Part:
    rows = [_row(of.name, step.name, step.outcome, step.summary) for of, step in steps]
    head = _table("of", "step", "outcome", "what")
    return _Part(f"{heading} ({len(rows)})", rows, head, folded)


def _bullet(each: Found) -> str:
    item = each.item
    words = [
        f"**{escaped(item.rule)}**",
        f"({escaped(item.severity)})" if item.severity else "",
        f"on **{escaped(item.resource)}**" if item.resource else "",
        f"in {escaped(each.section.name)}",
        "" if item.refuses else "· does not refuse",
    ]
    lines = [f"- {' '.join(filter(None, words))}: {escaped(item.message)}"]
    if item.remediation:
        lines.append(f"  <br>Fix: {escaped(item.remediation)}")
    if item.place:
        line = "" if item.place.line is None else f", line {item.place.line}"
        lines.append(f"  <br>At {escaped(item.place.file)}{line}")
    if link := _link(item.url):
        lines.append(f"  <br>{link}")
    return "\n".join(lines)


def _link(url: str) -> str:
    """Only what is plainly an https address, with nothing in it that Markdown reads."""
    return f"[why]({url})" if re.fullmatch(r"https://[\w.~/?=&%#:+-]+", url, re.ASCII) else ""


def _waivers(report: Report) -> _Part:
    rows = [
        _row(
            section.name,
            each.policy,
            each.resource,
            each.owner,
            str(each.expires),
            "lets nothing pass here" if each in section.unused_waivers else "used",
            each.reason,
        )
        for section in report.sections
        for each in section.waivers
    ]
    columns = ("of", "policy", "resource", "owner", "last day", "use", "reason")
    return _Part(f"Waivers ({len(rows)})", rows, _table(*columns))


def _changes(report: Report) -> Iterable[_Part]:
    changes = [(of, change) for of in report.sections for change in riskiest_first(of.changes)]
    risky = [_change(*each) for each in changes if is_risky(each[1])]
    others = [_change(*each) for each in changes if not is_risky(each[1])]
    head = _table("of", "change", "resource", "type", "because of")
    yield _Part(f"Replaced, deleted or protected ({len(risky)})", risky, head)
    yield _Part(f"Other changes ({len(others)})", others, head, len(others) > _OPEN_CHANGES)


def _change(of: Section, each: Change) -> str:
    return _row(_against(of), shown_operation(each), each.name, each.type, because_of(each))


def _costs(report: Report) -> _Part:
    rows = [
        _row(_against(of), each.at, shown_cost(each)) for of in report.sections for each in of.costs
    ]
    return _Part("US dollars an hour", rows, _table("of", "at", "before and after"))


def _against(section: Section) -> str:
    return f"{section.name} against {section.base}" if section.base else section.name


def _table(*columns: str) -> Sequence[str]:
    return _cells(columns), _cells(["---"] * len(columns))


def _row(*values: str) -> str:
    return _cells([escaped(value) for value in values])


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
