"""What a dashboard is made of, in our words; `grafana` writes it in Grafana's.

Expressions are PromQL with Grafana's variables in it: `$__rate_interval`, and those of the board.
"""

from dataclasses import dataclass
from typing import Literal

BLUE, SKY, GREEN = "#0072B2", "#56B4E9", "#009E73"
ORANGE, VERMILION, PURPLE = "#E69F00", "#D55E00", "#CC79A7"
SERIES_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION)
"""Okabe and Ito's, which colour-blind people tell apart."""

Unit = Literal[
    "none",
    "short",
    "percent",
    "percentunit",
    "s",
    "Bps",
    "decbytes",
    "mbytes",
    "watt",
    "celsius",
    "hertz",
    "reqps",
    "pps",
    "cps",
    "cpm",
    "suffix: x",
    "suffix: tok/s",
]
"""Grafana's names. `percentunit` is a ratio from 0 to 1, `percent` one from 0 to 100; `mbytes` are
MiB; `cps` and `cpm` count events a second and a minute; `suffix:` writes what follows behind the
number."""


@dataclass(frozen=True, slots=True)
class Query:
    """`legend` names each series, with `{{label}}` for the value of a label."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """From `value` on a panel shows `colour`: a threshold of the alerts wherever one exists."""

    value: float
    colour: str = VERMILION


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """`description` says how to read it; `alerts` are those whose runbooks it links to.

    `width` of the 24 columns of a dashboard, `height` in its rows of 30 pixels. `base_colour` is
    shown below every limit.
    """

    title: str
    description: str
    unit: Unit
    queries: tuple[Query, ...]
    limits: tuple[Limit, ...] = ()
    base_colour: str = BLUE
    alerts: tuple[str, ...] = ()
    decimals: int | None = None
    minimum: float | None = 0
    maximum: float | None = None
    width: int = 12
    height: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSeries(Panel):
    """Lines over time, the limits as dashed lines; `stacked`: areas that add up to the whole."""

    stacked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat(Panel):
    """One number, as of now, on the colour of the limit that it has passed."""

    width: int = 4
    height: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Panel):
    """One row a series, as of now: its `labels`, and the value under the name `value`."""

    labels: tuple[str, ...]
    value: str
    highest_first: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix(Panel):
    """As of now, one cell for each pair of values of two labels, coloured by the limits."""

    rows: str
    columns: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap(Panel):
    """Over time, one row a series, coloured by value from `minimum` to `maximum`."""


@dataclass(frozen=True, slots=True)
class Variable:
    """Something to choose at the top of a dashboard: values of `label` of the series `of`.

    `several` may be chosen at once, and all of them are at first.
    """

    name: str
    label: str
    of: str
    several: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """A headline and its panels, which are placed from left to right."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """`uid` is the dashboard's address in Grafana: it never changes."""

    uid: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        return tuple(panel for row in self.rows for panel in row.panels)
