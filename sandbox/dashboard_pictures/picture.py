"""A whole dashboard as one figure: its JSON in, a file out."""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from sandbox.dashboard_pictures.frame import GREY, INK, Box
from sandbox.dashboard_pictures.panels import draw
from sandbox.dashboard_pictures.prometheus import Answered
from sandbox.dashboard_pictures.story import PICTURE_S

Ask = Callable[[dict[str, Any]], list[Answered]]
"""The answer to one target of a panel."""

_WIDTH_IN = 16.0
_COLUMN_IN = (_WIDTH_IN - 0.4) / 24
_ROW_IN = 0.3
_HEAD_IN, _FOOT_IN = 0.75, 0.45
_FOOTER = (
    "Drawn by moe-serving, not by Grafana: the dashboard's own queries, asked of a real Prometheus"
    " that has seen played data (sandbox/monitoring/scenes.py). No GPU was involved."
)
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "text.color": INK,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "text.parse_math": False,
}


def save(path: Path, board: dict[str, Any], ask: Ask, to_s: float) -> None:
    """A PNG; never half a file under its name."""
    with mpl.rc_context(_STYLE), tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
        whole = Path(folder) / path.name
        figure(board, ask, to_s).savefig(whole, dpi=90, metadata={"Software": None})
        whole.replace(path)


def figure(board: dict[str, Any], ask: Ask, to_s: float) -> Figure:
    rows = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in board["panels"])
    height_in = _HEAD_IN + rows * _ROW_IN + _FOOT_IN
    drawn = Figure(figsize=(_WIDTH_IN, height_in), facecolor="#F4F5F5")
    at = datetime.fromtimestamp(to_s, UTC)
    top, below = 1 - 0.22 / height_in, 1 - 0.53 / height_in
    left, right = 0.0145, 0.9855
    drawn.text(left, top, board["title"], fontsize=15, weight="bold", va="center")
    grey: dict[str, Any] = {"color": GREY, "fontsize": 9.5, "va": "center"}
    drawn.text(left, below, board["description"], **grey)
    drawn.text(right, top, f"the two hours before {at:%H:%M} UTC", ha="right", **grey)
    drawn.text(left, 0.2 / height_in, _FOOTER, **grey)
    for panel in board["panels"]:
        place = panel["gridPos"]
        box = Box(
            left_in=0.2 + place["x"] * _COLUMN_IN,
            bottom_in=height_in - _HEAD_IN - (place["y"] + place["h"]) * _ROW_IN,
            width_in=place["w"] * _COLUMN_IN,
            height_in=place["h"] * _ROW_IN,
        )
        answers = [ask(target) for target in panel.get("targets", [])]
        draw(drawn, box, panel, answers, (to_s - PICTURE_S, to_s))
    return drawn
