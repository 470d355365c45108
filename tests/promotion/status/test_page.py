"""The page as text; as a browser shows it: tests/browser/test_status_page.py."""

import base64
import hashlib
import re
import stat
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from durable.places import PACKAGE_ROOT
from promotion.status.page import page, write_page
from promotion.status.report import Report, Runs, StackStatus, Standing
from tests.promotion.status.statuses import HOSTILE, NOW, hostile_day, update, usual_day

DOC = PACKAGE_ROOT / "docs" / "how-to" / "status-page.md"
REPORTS = {"usual": usual_day(), "hostile": hostile_day(), "empty": Report(NOW, [])}


class Parsed(HTMLParser):
    """Elements with their attributes, and the texts between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_the_policy_lets_in_the_style_sheet_and_nothing_else(report: Report) -> None:
    html = page(report)
    style = html[html.index("<style>") + len("<style>") : html.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policies = [
        each["content"]
        for each in Parsed(html).all("meta")
        if each.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies == [
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    ]


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_nothing_in_it_leads_outside(report: Report) -> None:
    parsed = Parsed(page(report))
    tags = {tag for tag, _ in parsed.elements}
    assert tags.isdisjoint({"script", "img", "iframe", "link", "object", "form", "base", "svg"})
    attributes = [(name, value) for _, all_of in parsed.elements for name, value in all_of.items()]
    assert not [name for name, _ in attributes if name == "src" or name.startswith("on")]
    assert all(str(value).startswith("#") for name, value in attributes if name == "href")
    assert "url(" not in page(report)
    assert "@import" not in page(report)


def test_every_hostile_text_is_there_and_escaped() -> None:
    html = page(hostile_day())
    parsed = Parsed(html)
    assert HOSTILE not in html
    assert len([text for text in parsed.texts if HOSTILE in text]) >= 15
    assert "49" not in "".join(text for text in parsed.texts if HOSTILE in text)


def test_each_name_leads_to_what_is_known_of_it() -> None:
    parsed = Parsed(page(hostile_day()))
    ids = [each["id"] for _, each in parsed.elements if "id" in each]
    assert len(ids) == len(set(ids))
    links = [str(each["href"]).removeprefix("#") for each in parsed.all("a")]
    assert links == ["stacks", "stack-1", "stack-2"]
    assert set(links) <= set(ids)


def test_times_are_for_machines_too() -> None:
    times = [str(each["datetime"]) for each in Parsed(page(usual_day())).all("time")]
    assert times[0] == "2026-11-28T12:00:00Z"
    form = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?")
    assert [each for each in times if not form.fullmatch(each)] == []


def test_the_same_report_is_the_same_page() -> None:
    assert page(usual_day()) == page(usual_day())


def test_a_page_is_written_whole_and_readable_by_all(tmp_path: Path) -> None:
    path = tmp_path / "status.html"
    write_page(path, Report(NOW, [StackStatus("dev", NOW)]))
    write_page(path, usual_day())
    assert path.read_text() == page(usual_day())
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [each.name for each in tmp_path.iterdir()] == ["status.html"]


def test_a_page_of_a_stack_of_which_nothing_is_known(tmp_path: Path) -> None:
    said = "".join(Parsed(page(Report(NOW, [StackStatus("dev", NOW)]))).texts)
    assert "not known" in said
    assert "no price" in said


def test_a_failure_stands_out_and_opens_what_is_known_of_it() -> None:
    failed = replace(update(2), result="failed")
    stack = StackStatus("dev", NOW, failed=failed, problems=("the newest update is failed",))
    parsed = Parsed(page(Report(NOW, [replace(stack, runs=Runs.RELEASE)])))
    badges = {each["class"] for each in parsed.all("span") if "badge" in str(each.get("class"))}
    assert badges == {"badge bad"}
    assert "open" in parsed.all("details")[0]
    assert {"failed", "1 failed", "the newest update is failed"} <= set(parsed.texts)


def test_the_docs_explain_every_state() -> None:
    explained = re.findall(r"^\| `([a-z ]+)` \|", DOC.read_text(), re.MULTILINE)
    assert explained == [each.value for each in Standing]
