"""Tables, the matrix of two labels, and heat maps over time."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sandbox.dashboard_pictures.frame import (
    GREY,
    PALE,
    Box,
    Line,
    Shown,
    colour_of,
    dates,
    defaults_of,
    ink_on,
    steps_of,
    time_axis,
)
from sandbox.dashboard_pictures.numbers import written

_TABLE_ROW_IN, _HEADER_IN = 0.36, 0.2


def draw_table(figure: Figure, box: Box, shown: Shown) -> None:
    """A table, or a matrix where the panel groups its rows into one."""
    panel, lines = shown.panel, shown.lines
    by_id = {each["id"]: each["options"] for each in panel["transformations"]}
    if "groupingToMatrix" in by_id:
        _matrix(figure, box, panel, lines, by_id["groupingToMatrix"])
    else:
        _rows(figure, box, panel, lines, by_id["organize"])


def _rows(
    figure: Figure, box: Box, panel: dict[str, Any], lines: list[Line], options: dict[str, Any]
) -> None:
    inner = box.inner(left=0.25, right=0.25, top=0.4, bottom=0.1)
    axes = _blank(figure, inner)
    axes.set_xlim(0, 1)
    axes.set_ylim(inner.height_in, 0)
    columns = sorted(options["indexByName"], key=options["indexByName"].__getitem__)
    lefts = np.linspace(0, 1, len(columns), endpoint=False)
    for left, column in zip(lefts, columns, strict=True):
        title = options["renameByName"].get(column, column)
        axes.text(left + 0.01, 0.1, title, weight="bold", va="center", fontsize=8.5)
    (order,) = panel["options"]["sortBy"]
    lines = sorted(lines, key=lambda line: line.answered.values[-1], reverse=order["desc"])
    for row, line in enumerate(lines[: int((inner.height_in - _HEADER_IN) / _TABLE_ROW_IN)]):
        y = _HEADER_IN + (row + 0.5) * _TABLE_ROW_IN
        axes.axhline(y - _TABLE_ROW_IN / 2, color=PALE, linewidth=0.8)
        value = line.answered.values[-1]
        colour = colour_of(panel, value)
        for left, column in zip(lefts, columns, strict=True):
            ink = "black"
            text = line.answered.labels.get(column, "")
            if column == "Value":
                axes.add_patch(_cell(left, y, 1 / len(columns), colour))
                ink, text = ink_on(colour), written(value, defaults_of(panel)["unit"])
            axes.text(left + 0.01, y, text, va="center", fontsize=8.5, color=ink)


def _cell(left: float, middle: float, width: float, colour: str) -> Rectangle:
    height = _TABLE_ROW_IN * 0.92
    return Rectangle((left, middle - height / 2), width, height, facecolor=colour)


def _matrix(
    figure: Figure, box: Box, panel: dict[str, Any], lines: list[Line], options: dict[str, Any]
) -> None:
    rows = sorted({line.answered.labels[options["rowField"]] for line in lines})
    columns = sorted({line.answered.labels[options["columnField"]] for line in lines})
    values = np.full((len(rows), len(columns)), np.nan)
    for line in lines:
        labels = line.answered.labels
        row, column = labels[options["rowField"]], labels[options["columnField"]]
        values[rows.index(row), columns.index(column)] = line.answered.values[-1]
    steps = steps_of(panel)
    edges = [step["value"] for step in steps[1:]]
    colours = ListedColormap([step["color"] for step in steps])
    # One colour below the first edge and one above the last.
    norm = BoundaryNorm([0, *edges, max(2 * edges[-1], float(np.nanmax(values)))], colours.N)
    axes = figure.add_axes(box.inner(left=0.85, right=1.0, top=0.42, bottom=0.5).on(figure))
    drawn = axes.imshow(values, cmap=colours, norm=norm, aspect="auto")
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xlabel(options["columnField"])
    axes.set_ylabel(options["rowField"], labelpad=8)
    axes.tick_params(length=0)
    axes.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    decimals = int(defaults_of(panel)["decimals"])
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            ink = ink_on(colour_of(panel, value))
            text = f"{value:.{decimals}f}"
            axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color=ink)
    bar = figure.add_axes(
        Box(
            box.left_in + box.width_in - 0.8,
            box.bottom_in + 0.5,
            0.18,
            box.height_in - 0.92,
        ).on(figure)
    )
    # Every colour as tall as every other, so that the even share is in the middle.
    figure.colorbar(drawn, cax=bar, spacing="uniform", ticks=edges, format="{x:.3g} x")
    bar.tick_params(length=0, labelsize=8)
    bar.set_title("even\nis white", fontsize=7.5, color=GREY)


def draw_heat_map(figure: Figure, box: Box, shown: Shown) -> None:
    """One row a series, in the order of their names."""
    panel, lines = shown.panel, shown.lines
    defaults = defaults_of(panel)
    names = [line.name for line in lines]
    times = sorted({at_s for line in lines for at_s in line.answered.times_s})
    values = np.full((len(lines), len(times)), np.nan)
    for row, line in enumerate(lines):
        for at_s, value in zip(line.answered.times_s, line.answered.values, strict=True):
            values[row, times.index(at_s)] = value
    axes = figure.add_axes(box.inner(left=0.5, right=1.0, top=0.42, bottom=0.35).on(figure))
    drawn = axes.pcolormesh(
        dates(times),
        np.arange(len(names)),
        values,
        cmap=panel["options"]["color"]["scheme"].lower(),
        vmin=panel["options"]["color"]["min"],
        vmax=panel["options"]["color"]["max"],
        shading="nearest",
        rasterized=True,
    )
    axes.yaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda place, _: names[int(place)] if 0 <= place < len(names) else "")
    )
    axes.tick_params(length=2)
    time_axis(axes, shown)
    bar = figure.add_axes(
        Box(box.left_in + box.width_in - 0.85, box.bottom_in + 0.35, 0.18, box.height_in - 0.77).on(
            figure
        )
    )
    figure.colorbar(
        drawn, cax=bar, format=FuncFormatter(lambda value, _: written(value, defaults["unit"]))
    )
    bar.tick_params(length=0, labelsize=8)


def _blank(figure: Figure, box: Box) -> Axes:
    axes = figure.add_axes(box.on(figure))
    axes.axis("off")
    return axes
