"""Every dashboard, as it is and as Grafana gets it."""

import json
from dataclasses import replace
from typing import Any

from catalog.alerts import Thresholds
from catalog.alerts.scenes.scene import RUNBOOK_URL, SERVED
from catalog.dashboards import Board, boards
from catalog.dashboards.grafana import to_json

EVERY_SERVED = replace(SERVED, queue_is_limited=True)
BOARDS: dict[str, Board] = {board.uid: board for board in boards(EVERY_SERVED, Thresholds())}


def as_grafana_gets_it(board: Board) -> dict[str, Any]:
    dashboard: dict[str, Any] = json.loads(to_json(board, RUNBOOK_URL))
    return dashboard
