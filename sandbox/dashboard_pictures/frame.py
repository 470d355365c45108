"""What all drawn panels share: places on a figure, and what a panel's JSON says."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.dates import DateFormatter, MinuteLocator, date2num
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from sandbox.dashboard_pictures.prometheus import Answered

INK, GREY, PALE = "#222222", "#6B6B6B", "#E4E4E4"


@dataclass(frozen=True)
class Box:
    """A place on a figure, in inches from its lower left corner."""

    left_in: float
    bottom_in: float
    width_in: float
    height_in: float

    def inner(self, *, left: float, right: float, top: float, bottom: float) -> "Box":
        return Box(
            self.left_in + left,
            self.bottom_in + bottom,
            self.width_in - left - right,
            self.height_in - top - bottom,
        )

    def on(self, figure: Figure) -> tuple[float, float, float, float]:
        width, height = figure.get_size_inches()
        return (
            self.left_in / width,
            self.bottom_in / height,
            self.width_in / width,
            self.height_in / height,
        )


@dataclass(frozen=True)
class Line:
    """A series with its name; `query` is the place of its query in the panel."""

    name: str
    query: int
    answered: Answered


def card(figure: Figure, box: Box, colour: str) -> None:
    x, y, width, height = box.on(figure)
    drawn = FancyBboxPatch(
        (x, y),
        width,
        height,
        boxstyle="square,pad=0",
        facecolor=colour,
        edgecolor=PALE,
        transform=figure.transFigure,
        zorder=-1,
    )
    figure.add_artist(drawn)


@dataclass(frozen=True)
class Shown:
    """A panel's JSON, the series that answer it, and the time that the picture is of."""

    panel: dict[str, Any]
    lines: list[Line]
    from_s: float
    to_s: float


def lines_of(panel: dict[str, Any], answers: list[list[Answered]]) -> list[Line]:
    return [
        Line(_name(target.get("legendFormat", ""), answered.labels), index, answered)
        for index, (target, found) in enumerate(zip(panel["targets"], answers, strict=True))
        for answered in sorted(found, key=lambda each: sorted(each.labels.items()))
    ]


def _name(legend: str, labels: dict[str, str]) -> str:
    return re.sub(r"{{\s*(\w+)\s*}}", lambda match: labels.get(match[1], ""), legend)


def defaults_of(panel: dict[str, Any]) -> dict[str, Any]:
    defaults: dict[str, Any] = panel["fieldConfig"]["defaults"]
    return defaults


def steps_of(panel: dict[str, Any]) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = defaults_of(panel)["thresholds"]["steps"]
    return steps


def colour_of(panel: dict[str, Any], value: float) -> str:
    """That of the last threshold which the value has reached."""
    colours = [s["color"] for s in steps_of(panel) if s["value"] is None or value >= s["value"]]
    return str(colours[-1])


def ink_on(colour: str) -> str:
    red, green, blue = to_rgb(colour)
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.6 else INK


def time_axis(axes: Axes, shown: Shown) -> None:
    axes.set_xlim(*dates((shown.from_s, shown.to_s)))
    axes.xaxis.set_major_locator(MinuteLocator(byminute=(0, 30)))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M", tz=UTC))  # type: ignore[no-untyped-call]


def dates(times_s: Sequence[float]) -> Any:
    return date2num([datetime.fromtimestamp(each, UTC) for each in times_s])  # type: ignore[no-untyped-call]
