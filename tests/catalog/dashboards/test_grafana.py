"""The JSON is what Grafana takes, and the same each time."""

import re
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from catalog.alerts import Thresholds, rule_groups
from catalog.alerts.scenes.scene import RUNBOOK_URL
from catalog.dashboards import Board, boards
from catalog.dashboards.board import Matrix, Panel
from catalog.dashboards.grafana import COLUMNS, to_json
from catalog.dashboards.grafana_panel import panel_builder
from tests.catalog.dashboards.every_board import BOARDS, EVERY_SERVED, as_grafana_gets_it

EVERY_BOARD = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS.keys())
CONFIG_MAP_BYTES = 2**20
LAST_APPLIED_BYTES = 2**18
"""Kubernetes' limit on all annotations together: kubectl apply writes the whole object into one."""


def panels(board: Board) -> list[dict[str, Any]]:
    """Those with queries: no headlines."""
    return [panel for panel in as_grafana_gets_it(board)["panels"] if panel["type"] != "row"]


def test_another_process_writes_the_same_bytes() -> None:
    program = (
        "from tests.catalog.dashboards.every_board import *\n"
        "print(''.join(to_json(board, RUNBOOK_URL) for board in BOARDS.values()), end='')"
    )
    other = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert other.stdout == "".join(to_json(board, RUNBOOK_URL) for board in BOARDS.values())


def test_uids_are_the_addresses_that_people_have_kept() -> None:
    assert list(BOARDS) == [
        "moe-serving-slo",
        "moe-kv-cache-queue",
        "moe-gpus",
        "moe-efa",
        "moe-experts",
    ]


@EVERY_BOARD
def test_grafana_takes_it(board: Board) -> None:
    dashboard = as_grafana_gets_it(board)
    assert dashboard["uid"] == board.uid
    assert len(board.uid) <= 40
    assert dashboard["schemaVersion"] >= 39
    # Grafana gives ids to dashboards by itself: one of ours would overwrite another's.
    assert dashboard.get("id") is None
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    size = len(to_json(board, RUNBOOK_URL).encode())
    assert size < LAST_APPLIED_BYTES < CONFIG_MAP_BYTES


@EVERY_BOARD
def test_panels_lie_beside_each_other(board: Board) -> None:
    places = [panel["gridPos"] for panel in as_grafana_gets_it(board)["panels"]]
    assert all(place["x"] + place["w"] <= COLUMNS for place in places)
    for one, other in combinations(places, 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, (one, other)


@EVERY_BOARD
def test_every_panel_says_what_it_shows(board: Board) -> None:
    for panel in panels(board):
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}", panel["title"]
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}", panel["title"]
    assert len({panel["title"] for panel in panels(board)}) >= len(panels(board)) - 4


@EVERY_BOARD
def test_every_variable_is_there_and_is_used(board: Board) -> None:
    dashboard = as_grafana_gets_it(board)
    names = {variable["name"] for variable in dashboard["templating"]["list"]} - {"datasource"}
    used = {
        name
        for panel in board.panels
        for query in panel.queries
        for name in re.findall(r"\$([a-z_]\w*)", query.expression)
    }
    assert used - {"__rate_interval"} == names


@EVERY_BOARD
def test_links_lead_to_runbooks_of_alerts_that_exist(board: Board) -> None:
    groups = rule_groups(EVERY_SERVED, Thresholds())
    alerts = {alert.name: alert for group in groups for alert in group.alerts}
    for panel, drawn in zip(board.panels, panels(board), strict=True):
        assert set(panel.alerts) <= alerts.keys(), panel.title
        urls = [RUNBOOK_URL.format(alert=alerts[name].page) for name in panel.alerts]
        assert [link["url"] for link in drawn["links"]] == urls


@EVERY_BOARD
def test_limits_grow(board: Board) -> None:
    for panel in board.panels:
        values = [limit.value for limit in panel.limits]
        assert values == sorted(set(values)), panel.title


def test_limits_are_those_of_the_alerts() -> None:
    thresholds = Thresholds()
    other = thresholds.model_copy(
        update={
            "vllm": thresholds.vllm.model_copy(update={"kv_cache_usage_ratio": 0.77}),
            "experts": thresholds.experts.model_copy(update={"hot_share_of_even": 1.1}),
        }
    )
    changed = {board.uid: board for board in boards(EVERY_SERVED, other)}
    kv_cache = next(p for p in changed["moe-kv-cache-queue"].panels if p.title == "KV cache use")
    assert [limit.value for limit in kv_cache.limits] == [0.77]
    (matrix,) = (p for p in changed["moe-experts"].panels if isinstance(p, Matrix))
    values = [limit.value for limit in matrix.limits]
    assert values[-1] == 1.1
    assert values == sorted(set(values))


def test_a_server_has_the_dashboards_that_its_metrics_fill() -> None:
    plain = replace(EVERY_SERVED, spans_nodes=False, expert_metrics=False)
    assert [b.uid for b in boards(plain, Thresholds())] == list(BOARDS)[:3]
    mii = replace(plain, engine_has_metrics=False)
    assert [b.uid for b in boards(mii, Thresholds())] == ["moe-gpus"]


def test_a_panel_of_no_kind_is_refused() -> None:
    panel = Panel(title="t", description="d.", unit="short", queries=())
    with pytest.raises(TypeError, match="Panel is no kind of panel"):
        panel_builder(panel, RUNBOOK_URL)
