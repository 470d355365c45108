"""The page of `moe status` in a real browser: what is read, by whom and by which means."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator

from promotion.status.page import page
from promotion.status.report import Report
from tests.browser.conftest import Scheme, Show, Shown
from tests.promotion.status.statuses import NOW, hostile_day, usual_day

PHONE, DESKTOP = 360, 1280
A4_LANDSCAPE = 1040
"""CSS pixels of 297 mm without the margins."""
SMALLEST = 320
"""CSS pixels without sideways scrolling: WCAG 2.2, 1.4.10 Reflow."""
REPORTS = {"usual": usual_day(), "hostile": hostile_day(), "empty": Report(NOW, [])}


def cells(row: Locator) -> list[str]:
    return [re.sub(r"\s+", " ", text) for text in row.locator("th, td").all_inner_texts()]


def test_the_table_says_what_runs_where(show: Show) -> None:
    shown = show(page(usual_day()))
    table = shown.page.get_by_role("table", name="Stacks in the order in which releases move")
    rows = table.get_by_role("row").all()
    assert cells(rows[0]) == [
        *("Stack", "State", "Release", "Since (UTC)", "Soak", "Drift", "Waivers", "USD an hour")
    ]
    assert cells(rows[1]) == [
        *("dev", "soaking", "40cebd24a42b", "2026-11-28 06:48 5 h 12 min ago"),
        "18 h 48 min left for staging until 2026-11-29 06:48",
        *("no drift", "1 next ends 2026-12-31", "22.81"),
    ]
    assert cells(rows[3])[4:] == ["none", "drift", "2, 1 expired next ends 2026-12-10", "166.02"]
    assert [cells(row)[1] for row in rows[2:]] == [
        *("ready", "drifted", "cannot be asked", "interrupted", "updating", "not deployed")
    ]
    summary = shown.page.get_by_role("list", name="Summary").get_by_role("listitem")
    assert summary.all_inner_texts()[:2] == ["7 stacks", "1 cannot be asked"]
    assert "USD 253.64 an hour for what is deployed" in summary.all_inner_texts()


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_nothing_is_fetched_and_nothing_complains(show: Show, report: Report) -> None:
    shown = show(page(report))
    shown.page.wait_for_load_state("networkidle")
    assert shown.complaints == []
    assert shown.requests == [shown.page.url]


def test_hostile_texts_are_read_as_they_were_written(show: Show) -> None:
    report = hostile_day()
    shown = show(page(report))
    assert shown.page.locator("img, script").count() == 0
    assert shown.page.get_by_role("rowheader").all_inner_texts() == [
        f"{report.stacks[0].stack}\nafter {report.stacks[0].source}",
        report.stacks[1].stack,
    ]
    assert shown.page.locator("style").count() == 1
    note = shown.page.get_by_role("list", name="What needs a look").first
    assert note.get_by_role("listitem").first.inner_text() == report.stacks[0].problems[0]


def test_the_style_sheet_is_let_in_by_the_policy_and_no_script_is(show: Show) -> None:
    shown = show(page(usual_day()))
    colour = shown.page.locator(".badge.bad").first
    assert colour.evaluate("e => getComputedStyle(e).borderTopWidth") == "1px"
    shown.page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        " document.head.append(s) }"
    )
    assert shown.page.evaluate("() => window.ran") is None
    assert any("Content Security Policy" in each for each in shown.complaints)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESKTOP])
@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_axe_finds_nothing(show: Show, scheme: Scheme, width: int, report: Report) -> None:
    shown = show(page(report), width=width, scheme=scheme)
    # What is closed is not looked at.
    shown.page.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")
    found = Axe().run(shown.page, options={"resultTypes": ["violations", "incomplete"]})
    assert found.violations_count == 0, found.generate_report()
    assert [each["id"] for each in found.response["incomplete"]] == []
    assert any(each["id"] == "document-title" for each in found.response["passes"])


def test_axe_would_find_a_colour_that_is_hard_to_read(show: Show) -> None:
    shown = show(page(usual_day()))
    shown.page.locator("h1").evaluate("e => { e.style.color = '#ccc' }")
    found = Axe().run(shown.page).response["violations"]
    assert [each["id"] for each in found] == ["color-contrast"]


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_the_page_is_as_dark_as_its_reader_wants(show: Show, scheme: Scheme, dark: bool) -> None:
    shown = show(page(usual_day()), scheme=scheme)
    colour = shown.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", colour)[:3])) / 3
    assert (brightness < 64) is dark


@pytest.mark.parametrize("width", [SMALLEST, PHONE, 768, DESKTOP])
@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_nobody_scrolls_sideways(show: Show, width: int, report: Report) -> None:
    shown = show(page(report), width=width)
    shown.page.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")
    assert not shown.scrolls_sideways
    past = shown.page.evaluate(
        "() => [...document.querySelectorAll('main *, header *')].filter(e =>"
        " e.checkVisibility() && !e.closest('thead')"
        " && e.getBoundingClientRect().right > innerWidth).map(e => e.outerHTML)"
    )
    assert past == []


def test_a_narrow_table_is_still_a_table_to_a_screen_reader(show: Show) -> None:
    shown = show(page(usual_day()), width=PHONE)
    row = shown.page.get_by_role("table").get_by_role("row").nth(1)
    assert row.get_by_role("rowheader").inner_text() == "dev"
    assert row.get_by_role("cell").count() == 7
    label = row.get_by_role("cell").nth(1).evaluate("e => getComputedStyle(e, '::before').content")
    assert label == '"Release"'


def test_the_whole_page_is_reached_by_tab_in_the_order_in_which_it_is_read(show: Show) -> None:
    names = [each.stack for each in usual_day().stacks]
    wanted = ["a Skip to the stacks", *(f"a {name}" for name in names)]
    wanted += [f"summary {name}" for name in names]
    shown = show(page(usual_day()))
    reached = []
    for _ in wanted:
        shown.page.keyboard.press("Tab")
        reached.append(shown.focused)
        assert_focus_is_seen(shown)
    assert [re.sub(r"(summary \S+).*", r"\1", each) for each in reached] == wanted


def assert_focus_is_seen(shown: Shown) -> None:
    """A ring of three pixels, on something that is in the window."""
    style, width, top, bottom = shown.page.evaluate(
        "() => { const e = document.activeElement, s = getComputedStyle(e),"
        " r = e.getBoundingClientRect();"
        " return [s.outlineStyle, parseFloat(s.outlineWidth), r.top, r.bottom] }"
    )
    assert (style, width) == ("solid", 3)
    assert top >= 0
    assert bottom <= 800


def test_the_skip_link_is_out_of_sight_until_it_has_the_focus(show: Show) -> None:
    shown = show(page(usual_day()))
    link = shown.page.get_by_role("link", name="Skip to the stacks")
    assert link.evaluate("e => e.getBoundingClientRect().bottom") < 0
    shown.page.keyboard.press("Tab")
    assert link.evaluate("e => e.getBoundingClientRect().top") >= 0
    shown.page.keyboard.press("Enter")
    assert shown.page.evaluate("() => document.activeElement.id") == "stacks"
    shown.page.keyboard.press("Tab")
    assert shown.focused == "a dev"


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_a_key_opens_and_closes_what_is_known_of_a_stack(show: Show, key: str) -> None:
    shown = show(page(usual_day()))
    details = shown.page.locator("details").first
    commit = details.get_by_text("c0ffee")
    assert not commit.is_visible()
    details.locator("summary").focus()
    shown.page.keyboard.press(key)
    assert commit.is_visible()
    shown.page.keyboard.press(key)
    assert not commit.is_visible()


def test_a_name_in_the_table_leads_to_what_is_known_of_it(show: Show) -> None:
    shown = show(page(usual_day()))
    shown.page.get_by_role("link", name="staging").focus()
    shown.page.keyboard.press("Enter")
    opened = shown.page.locator("details").nth(1)
    assert opened.get_by_text("c0ffee").is_visible()
    assert opened.evaluate("e => e.open")


def test_what_needs_a_look_is_open_from_the_start(show: Show) -> None:
    shown = show(page(usual_day()))
    is_open = [each.evaluate("e => e.open") for each in shown.page.locator("details").all()]
    assert is_open == [each.standing.needs_a_look for each in usual_day().stacks]


def test_on_paper_everything_is_open_and_the_table_is_one(show: Show) -> None:
    shown = show(page(usual_day()), width=A4_LANDSCAPE)
    shown.page.emulate_media(media="print")
    assert not shown.scrolls_sideways
    assert shown.page.locator("td").first.evaluate("e => getComputedStyle(e).display") == (
        "table-cell"
    )
    assert all(each.is_visible() for each in shown.page.get_by_text("c0ffee").all())
    assert not shown.page.get_by_role("link", name="Skip to the stacks").is_visible()
