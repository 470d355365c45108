"""Lines and areas over time."""

from itertools import cycle
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from catalog.dashboards.board import SERIES_COLOURS
from sandbox.dashboard_pictures.frame import (
    GREY,
    PALE,
    Box,
    Line,
    Shown,
    dates,
    defaults_of,
    steps_of,
    time_axis,
)
from sandbox.dashboard_pictures.numbers import written
from sandbox.dashboard_pictures.story import STEP_S

_Style = Literal["-", "--", "-.", ":"]
_STYLES: tuple[_Style, ...] = ("-", "--", "-.", ":")
_LEGEND_LINES = 2


def draw_time_series(figure: Figure, box: Box, shown: Shown) -> None:
    panel, lines = shown.panel, shown.lines
    defaults = defaults_of(panel)
    unit, custom = defaults["unit"], defaults.get("custom", {})
    inner = box.inner(left=0.82, right=0.15, top=0.38, bottom=0.62)
    axes = figure.add_axes(inner.on(figure))
    axes.set_facecolor("white")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=PALE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=2)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: written(value, unit)))
    time_axis(axes, shown)
    colours = _colours(panel, lines)
    if custom.get("stacking", {}).get("mode") == "normal":
        highest = _stacked(axes, lines, colours)
    else:
        highest = max(
            max((v for v in line.answered.values if np.isfinite(v)), default=0) for line in lines
        )
        _plain(axes, lines, colours)
    top = 1.03 * defaults.get("max", highest * 1.07 or 1)
    axes.set_ylim(min(0, defaults.get("min", 0)), top)
    _limits(axes, panel, top)
    _legend(figure, box, lines, colours, _line_styles(lines))


def _plain(axes: Axes, lines: list[Line], colours: list[str]) -> None:
    """The first line is the widest, so that equal lines are seen beneath each other."""
    widths = np.linspace(3.4, 1.5, len(lines)) if len(lines) > 1 else [1.7]
    for line, colour, style, width in zip(lines, colours, _line_styles(lines), widths, strict=True):
        # Where a series has no value there is no line.
        first_s, last_s = int(line.answered.times_s[0]), int(line.answered.times_s[-1])
        times_s = range(first_s, last_s + 1, STEP_S)
        of_time = dict(zip(line.answered.times_s, line.answered.values, strict=True))
        values = [of_time.get(at_s, np.nan) for at_s in times_s]
        axes.plot(dates(times_s), values, color=colour, linewidth=width, linestyle=style)


def _stacked(axes: Axes, lines: list[Line], colours: list[str]) -> float:
    times = sorted({t for line in lines for t in line.answered.times_s})
    heights = np.zeros((len(lines), len(times)))
    for row, line in enumerate(lines):
        of_time = dict(zip(line.answered.times_s, line.answered.values, strict=True))
        heights[row] = np.nan_to_num([of_time.get(t, 0.0) for t in times])
    axes.stackplot(dates(times), heights, colors=colours, alpha=0.75)
    return float(heights.sum(axis=0).max())


def _limits(axes: Axes, panel: dict[str, Any], top: float) -> None:
    if "thresholdsStyle" not in defaults_of(panel).get("custom", {}):
        return
    for step in steps_of(panel):
        if step["value"] is not None and step["value"] <= top:
            axes.axhline(step["value"], color=step["color"], linestyle=(0, (5, 3)), linewidth=1.3)


def _colours(panel: dict[str, Any], lines: list[Line]) -> list[str]:
    """Those that the dashboard gives to its queries; else one after the other."""
    fixed = {
        override["matcher"]["options"]: override["properties"][0]["value"]["fixedColor"]
        for override in panel["fieldConfig"]["overrides"]
        if override["matcher"]["id"] == "byFrameRefID"
    }
    if fixed and len(lines) <= len(fixed):
        return [fixed[panel["targets"][line.query]["refId"]] for line in lines]
    return [colour for colour, _ in zip(cycle(SERIES_COLOURS), lines, strict=False)]


def _line_styles(lines: list[Line]) -> list[_Style]:
    return [_STYLES[(place // len(SERIES_COLOURS)) % len(_STYLES)] for place in range(len(lines))]


def _legend(
    figure: Figure, box: Box, lines: list[Line], colours: list[str], styles: list[_Style]
) -> None:
    """As many names as fit into two lines, then how many are left."""
    width, height = figure.get_size_inches()
    left_in, right_in = box.left_in + 0.25, box.left_in + box.width_in - 0.1
    x_in, row = left_in, 0
    for place, (line, colour, style) in enumerate(zip(lines, colours, styles, strict=True)):
        needed_in = 0.45 + 0.068 * len(line.name)
        is_last_row = row == _LEGEND_LINES - 1
        left = len(lines) - place
        if x_in + needed_in > right_in - (0.6 if is_last_row and left > 1 else 0):
            if is_last_row:
                y = (box.bottom_in + 0.28 - 0.17 * row) / height
                figure.text(x_in / width, y, f"+ {left} more", color=GREY, va="center", fontsize=8)
                return
            x_in, row = left_in, row + 1
        y = (box.bottom_in + 0.28 - 0.17 * row) / height
        mark = Line2D(
            [x_in / width, (x_in + 0.22) / width],
            [y, y],
            color=colour,
            linestyle=style,
            linewidth=2,
            transform=figure.transFigure,
        )
        figure.add_artist(mark)
        figure.text((x_in + 0.28) / width, y, line.name, va="center", fontsize=8)
        x_in += needed_in
