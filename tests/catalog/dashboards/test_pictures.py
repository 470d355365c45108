"""The pictures in the docs: of every dashboard, small, and honest about what they are."""

import json
import math
from functools import cache
from itertools import combinations
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from catalog.dashboards import Board
from catalog.dashboards.grafana import to_json
from durable.places import PACKAGE_ROOT
from sandbox.dashboard_pictures import picture, story
from sandbox.dashboard_pictures.__main__ import picture_of
from sandbox.dashboard_pictures.numbers import written
from sandbox.dashboard_pictures.prometheus import Answered

EVERY_BOARD = pytest.mark.parametrize("board", story.ALL_BOARDS, ids=lambda board: board.uid)
MOST_BYTES = 300_000


def _answers(target: dict[str, Any]) -> list[Answered]:
    """Two series with all labels that a panel could ask for."""
    names = ("model_name", "pod", "node", "Hostname", "gpu", "xid", "reason", "finished_reason")
    times_s = [story.ENDS_S - story.PICTURE_S + 60.0 * minute for minute in range(120)]
    if target.get("instant"):
        times_s = times_s[-1:]
    return [
        Answered(
            {**{name: f"{name}-{place}" for name in names}, "layer": "00", "expert": f"0{place}"},
            tuple(times_s),
            tuple(1 + place + math.sin(at_s / 900) for at_s in times_s),
        )
        for place in range(2)
    ]


@cache
def _figure(board: Board, ask: picture.Ask = _answers) -> FigureCanvasAgg:
    dashboard = json.loads(to_json(board, "https://runbooks.example.com/{alert}"))
    canvas = FigureCanvasAgg(picture.figure(dashboard, ask, story.ENDS_S))
    canvas.draw()  # type: ignore[no-untyped-call]
    return canvas


def _texts(canvas: FigureCanvasAgg) -> list[Text]:
    found = [text for text in canvas.figure.findobj(Text) if isinstance(text, Text)]
    return [text for text in found if text.get_text() and text.get_visible()]


@EVERY_BOARD
def test_the_docs_show_every_dashboard(board: Board) -> None:
    file = picture_of(board)
    assert file.stat().st_size < MOST_BYTES
    page = (PACKAGE_ROOT / "docs" / "how-to" / "dashboards.md").read_text()
    assert f"(../images/{file.name})" in page


@EVERY_BOARD
def test_a_picture_says_that_grafana_did_not_draw_it(board: Board) -> None:
    assert any("not by Grafana" in text.get_text() for text in _texts(_figure(board)))


@EVERY_BOARD
def test_every_panel_is_drawn_under_its_title(board: Board) -> None:
    shown = [text.get_text() for text in _texts(_figure(board))]
    for panel in board.panels:
        assert panel.title in shown


@EVERY_BOARD
def test_titles_and_legends_do_not_overlap(board: Board) -> None:
    canvas = _figure(board)
    texts = [text for text in canvas.figure.texts if text.get_text()]
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    for (one, one_box), (other, other_box) in combinations(boxes, 2):
        assert not one_box.overlaps(other_box), (one, other)


@EVERY_BOARD
def test_a_panel_without_an_answer_says_so(board: Board) -> None:
    shown = [text.get_text() for text in _texts(_figure(board, lambda _: []))]
    panels = len(board.panels)
    assert sum(text == "no data" for text in shown) == panels


def test_every_picture_ends_with_a_scene_of_the_story() -> None:
    assert story.ENDS_WITH.keys() == {board.uid for board in story.ALL_BOARDS}
    for scene in story.ENDS_WITH.values():
        assert story.BEGAN_S < story.scene_ends_s(scene) <= story.ENDS_S


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.123, "percentunit", "12.3 %"),
        (92, "percent", "92 %"),
        (0.25, "s", "250 ms"),
        (12, "s", "12 s"),
        (0, "s", "0 s"),
        (37300, "mbytes", "36.4 GiB"),
        (168e9, "Bps", "168 GB/s"),
        (1.41e9, "hertz", "1.41 GHz"),
        (5.2, "suffix: x", "5.2 x"),
        (3600, "watt", "3.6 kW"),
    ],
)
def test_numbers_are_written_in_their_unit(value: float, unit: str, text: str) -> None:
    assert written(value, unit) == text
