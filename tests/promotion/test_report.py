"""A proposal as Markdown, whose tables nothing in a cell breaks."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from promotion.difference import KeyChange
from promotion.gate import failed, passed, with_waivers
from promotion.proposal import Proposal
from promotion.report import markdown
from stacks.settings.promotion import GateWaiver
from tests.promotion.moves import PlayedStack, judged_move, new_place
from tests.promotion.releases import release


@pytest.fixture(scope="module")
def proposal(tmp_path_factory: pytest.TempPathFactory) -> Proposal:
    here = new_place(tmp_path_factory.mktemp("place") / "repository")
    return judged_move(here, PlayedStack(release(2))).proposal


def tables(text: str) -> list[list[list[str]]]:
    """Rows of cells of each table, as a renderer reads them."""
    found: list[list[list[str]]] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and found and token.level > 1:
            found[-1][-1].append(token.content)
    return found


def test_the_first_line_is_what_a_log_shows(proposal: Proposal) -> None:
    first, second, *rest = markdown(proposal).splitlines()
    assert first == f"Promotion of release {release(2).short_id}, dev to staging"
    assert second == ""
    assert f"By Ada <ada@example.com>. Release {release(2).id}." in rest


def test_a_rollback_says_why(proposal: Proposal) -> None:
    move = replace(proposal.move, kind="rollback", source=None, why="p99 doubled")
    text = markdown(replace(proposal, move=move))
    assert text.startswith(f"Rollback of release {release(2).short_id}, to staging\n")
    assert "\nWhy: p99 doubled\n" in text


def test_a_reason_stays_in_its_line_and_hides_nothing(proposal: Proposal) -> None:
    """It becomes the message of a commit, where a line may be a trailer."""
    why = "slow\n\nSigned-off-by: Eve\x1b[2J\u202e"
    text = markdown(replace(proposal, move=replace(proposal.move, why=why)))
    assert "\nWhy: slow Signed-off-by: Eve\\x1b[2J\\u202e\n" in text


def test_changes_and_gates_are_tables(proposal: Proposal) -> None:
    waiver = GateWaiver(gate="cost", reason="a | b", owner="ada", expires=date(2026, 12, 31))
    gates = with_waivers(
        [passed("soak", "25 h"), failed("cost", "+9", remedy="no")], [waiver], date(2026, 12, 1)
    )
    changed = [KeyChange("charts.keda", None, "2"), KeyChange("model_server.image", "a", "b")]
    assert tables(markdown(replace(proposal, gates=gates, changes=changed))) == [
        [
            ["key", "before", "after"],
            ["charts.keda", "", "2"],
            ["model_server.image", "a", "b"],
        ],
        [
            ["gate", "outcome", "evidence"],
            ["soak", "pass", "25 h"],
            ["cost", "waived", "+9 (waived until 2026-12-31 by ada: a | b)"],
        ],
    ]


@settings(deadline=None)
@given(st.lists(st.text('a|\n\r\\"<>`* ', min_size=1), min_size=1, max_size=3))
def test_no_evidence_breaks_a_table(proposal: Proposal, texts: list[str]) -> None:
    gates = [passed(f"gate {n}", f"x{text}x") for n, text in enumerate(texts)]
    (_, (_, *rows)) = tables(markdown(replace(proposal, gates=gates)))
    assert [row[:2] for row in rows] == [[f"gate {n}", "pass"] for n in range(len(texts))]
    assert all(len(row) == 3 for row in rows)
