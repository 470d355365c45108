"""Panels of a dashboard, drawn from their JSON and the answers to their queries."""

from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure

from sandbox.dashboard_pictures.cells import draw_heat_map, draw_table
from sandbox.dashboard_pictures.frame import (
    GREY,
    Box,
    Shown,
    card,
    colour_of,
    defaults_of,
    ink_on,
    lines_of,
)
from sandbox.dashboard_pictures.numbers import written
from sandbox.dashboard_pictures.prometheus import Answered
from sandbox.dashboard_pictures.time_series import draw_time_series

_NO_DATA = "no data"
_KINDS: dict[str, Callable[[Figure, Box, Shown], None]] = {
    "timeseries": draw_time_series,
    "table": draw_table,
    "heatmap": draw_heat_map,
}


def draw(
    figure: Figure,
    box: Box,
    panel: dict[str, Any],
    answers: list[list[Answered]],
    span_s: tuple[float, float],
) -> None:
    """Raises KeyError for a type of panel that no dashboard has."""
    if panel["type"] == "row":
        x, y, _, height = box.on(figure)
        figure.text(x + 0.002, y + height * 0.45, panel["title"], weight="bold", va="center")
        return
    frame = box.inner(left=0.04, right=0.04, top=0.04, bottom=0.04)
    if panel["type"] == "stat":
        _stat(figure, frame, panel, answers)
        return
    card(figure, frame, "white")
    x, y, width, height = frame.on(figure)
    top = y + height - 0.17 / figure.get_size_inches()[1]
    figure.text(x + width * 0.5, top, panel["title"], fontsize=9.5, ha="center", va="center")
    lines = lines_of(panel, answers)
    if lines:
        _KINDS[panel["type"]](figure, frame, Shown(panel, lines, *span_s))
    else:
        figure.text(x + width / 2, y + height / 2, _NO_DATA, color=GREY, ha="center")


def _stat(figure: Figure, box: Box, panel: dict[str, Any], answers: list[list[Answered]]) -> None:
    values = [answered.values[-1] for found in answers for answered in found]
    colour = colour_of(panel, values[0]) if values else GREY
    card(figure, box, colour)
    x, y, width, height = box.on(figure)
    ink = ink_on(colour)
    figure.text(
        x + width / 2, y + height * 0.82, panel["title"], color=ink, ha="center", va="center"
    )
    text = written(_rounded(panel, values[0]), defaults_of(panel)["unit"]) if values else _NO_DATA
    figure.text(
        *(x + width / 2, y + height * 0.4, text),
        color=ink,
        fontsize=21,
        weight="bold",
        ha="center",
        va="center",
    )


def _rounded(panel: dict[str, Any], value: float) -> float:
    defaults = defaults_of(panel)
    decimals = int(defaults.get("decimals", 2)) + (2 if defaults["unit"] == "percentunit" else 0)
    return round(value, decimals)
