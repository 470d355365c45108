"""Writes the pictures of all dashboards."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from catalog.dashboards import Board
from catalog.dashboards.grafana import to_json
from durable.places import PACKAGE_ROOT
from sandbox.dashboard_pictures import story
from sandbox.dashboard_pictures.picture import save
from sandbox.dashboard_pictures.prometheus import Answered, Api, filled_in, remembering
from sandbox.reporter import PlainReporter
from sandbox.toolchain.ensure import ensure_prometheus

FOLDER = PACKAGE_ROOT / "docs" / "images"


def picture_of(board: Board) -> Path:
    return FOLDER / f"dashboard-{board.uid}.png"


def _write(board: Board, api: Api) -> None:
    to_s = story.scene_ends_s(story.ENDS_WITH[board.uid]) - story.STEP_S

    def ask(target: dict[str, Any]) -> list[Answered]:
        expression = filled_in(target["expr"], board.variables)
        if target.get("instant"):
            return api.at(expression, to_s)
        return api.over(expression, to_s - story.PICTURE_S, to_s)

    save(picture_of(board), json.loads(to_json(board, "https://{alert}")), ask, to_s)


def main() -> None:
    tools = ensure_prometheus(PlainReporter(sys.stderr))
    with tempfile.TemporaryDirectory() as folder, remembering(tools, Path(folder)) as api:
        for board in story.ALL_BOARDS:
            _write(board, api)


if __name__ == "__main__":
    main()
