"""The comment on a pull request, as a CommonMark parser reads it."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from markdown_it import MarkdownIt
from markdown_it.token import Token

from gate.formats import Format, render
from gate.formats.markdown import LIMIT, MARKER, escaped
from gate.formats.printable import one_line
from gate.report import Change, Report
from tests.gate.formats.reports import (
    CLEAN,
    EVERYTHING,
    HOSTILE,
    PROD,
    REFUSED,
    refusing,
    reports,
    texts,
    unhurried,
)

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OWN_HTML = re.compile(
    r"<!-- moe check -->|<details><summary>[^<>]*</summary>|</details>|<br>", re.DOTALL
)
FOR_GITHUB = re.compile(r"[@#]\w|://|\bGH-\d|\bwww\.", re.IGNORECASE)


def tokens(markdown: str) -> Iterator[Token]:
    for token in PARSER.parse(markdown):
        yield token
        yield from token.children or []


def headings(markdown: str) -> list[str]:
    every = PARSER.parse(markdown)
    return [b.content for a, b in pairwise(every) if a.type == "heading_open"]


def shown(markdown: str) -> str:
    """The text that a reader sees, a line a block or cell of a table."""
    return "\n".join(
        "".join(
            child.content if child.type in ("text", "text_special") else "\n"
            for child in token.children or []
        )
        for token in PARSER.parse(markdown)
        if token.type == "inline"
    )


def test_the_outcome_comes_first_then_what_to_do() -> None:
    text = render(EVERYTHING, Format.MARKDOWN)
    assert text.startswith(f"{MARKER}\n## moe check: error\n\n1 unfinished, 2 refused")
    assert headings(text) == [
        "moe check: error",
        "Not finished (1)",
        "Refused (2)",
        "Could not be checked (1)",
        "Waivers (2)",
        "Replaced, deleted or protected (2)",
        "Other changes (1)",
        "US dollars an hour",
    ]
    assert "Fix: Pin the image by its digest." in text
    assert "[why](https://kubernetes.io/docs/concepts/containers/images/)" in text
    assert "| team-serving | 2026-12-31 | used | Until the vendor publishes a digest |" in text
    assert "| team-serving | 2026-12-31 | lets nothing pass here |" in text


def test_a_clean_report_is_short() -> None:
    assert headings(render(CLEAN, Format.MARKDOWN)) == ["moe check: passed"]


def test_many_changes_are_folded_and_the_risky_ones_are_not() -> None:
    many = [Change("create", f"urn:{n}", "t", f"n{n}", False) for n in range(50)]
    text = render(Report([replace(PROD, changes=[*many, *PROD.changes])], "1"), Format.MARKDOWN)
    assert "<details><summary>Other changes (51)</summary>" in text
    risky, other = "| prod against 1a2b3c4 | replace | gpu |", "| create | n0 |"
    assert text.index(risky) < text.index("<details>") < text.index(other)


def test_what_does_not_fit_is_counted_and_refusals_go_first() -> None:
    step = PROD.steps[1]
    many = [replace(REFUSED, resource=f"r{n}", message="m" * 900) for n in range(200)]
    report = Report([replace(PROD, steps=[replace(step, items=many)])], "1")
    text = render(report, Format.MARKDOWN)
    assert len(text) <= LIMIT
    told = len(re.findall(r"on \*\*r\d+\*\*", text))
    assert 20 < told < 200
    assert "### Refused (200)" in text
    assert f"**{200 - told} more do not fit a comment" in text


def test_what_is_short_still_fits_after_what_is_long() -> None:
    sections = [replace(PROD, name="s" * 600 + str(n)) for n in range(300)]
    text = render(Report(sections, "1"), Format.MARKDOWN)
    assert len(text) <= LIMIT
    assert "### Refused (600)" in text
    assert "### US dollars an hour" in text


def test_text_from_outside_means_nothing() -> None:
    for text in HOSTILE:
        line = escaped(f"{text} x")
        assert not re.search(r"[|<>`*\[\]\n]", line)
        assert not FOR_GITHUB.search(shown(line))


@unhurried
@given(texts)
def test_escaped_text_is_one_plain_inline_text(text: str) -> None:
    parsed = PARSER.parse(f"a {escaped(text)}")
    assert [token.type for token in parsed] == ["paragraph_open", "inline", "paragraph_close"]
    children = parsed[1].children or []
    assert {child.type for child in children} <= {"text", "text_special"}
    read = "".join(child.content for child in children)
    assert not FOR_GITHUB.search(read)
    assert read.replace("\u200b", "") == f"a {one_line(text)}".rstrip()


@unhurried
@given(reports)
def test_any_report_is_our_structure_alone_and_loses_nothing_that_refuses(report: Report) -> None:
    text = render(report, Format.MARKDOWN)
    text.encode()
    assert len(text) <= LIMIT
    for token in tokens(text):
        if token.type in ("html_block", "html_inline"):
            assert OWN_HTML.sub("", token.content).strip() == ""
        if token.type == "link_open":
            assert str(token.attrs["href"]).startswith("https://")
        assert token.type not in ("image", "fence", "code_block", "code_inline", "hr")
    assert not FOR_GITHUB.search(shown(text))
    count = len(refusing(report))
    assert text.count("\n- **") >= count or "more do not fit" in text
