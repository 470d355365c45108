"""Every query reads what is really exported, and a real Prometheus has an answer to it."""

from collections.abc import Iterator

import pytest

from catalog.alerts import Thresholds, rule_groups
from catalog.dashboards import Board
from catalog.metrics.contract import problems
from catalog.metrics.grafana import filled_in
from catalog.metrics.rules import recorded
from sandbox.dashboard_pictures import story
from sandbox.dashboard_pictures.prometheus import Api, remembering
from sandbox.dashboard_pictures.prometheus import filled_in as as_chosen
from sandbox.toolchain.ensure import PrometheusTools
from tests.catalog.dashboards.every_board import BOARDS, EVERY_SERVED

EVERY_BOARD = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS.keys())


@EVERY_BOARD
def test_every_query_reads_what_is_exported(board: Board) -> None:
    known, _ = recorded(rule_groups(EVERY_SERVED, Thresholds()))
    for panel in board.panels:
        for query in panel.queries:
            assert problems(filled_in(query.expression), known) == [], panel.title


@EVERY_BOARD
def test_every_variable_has_values_that_exist(board: Board) -> None:
    known, _ = recorded(rule_groups(EVERY_SERVED, Thresholds()))
    for variable in board.variables:
        assert problems(f"count by ({variable.label}) ({filled_in(variable.of)})", known) == []


@pytest.fixture(scope="module")
def prometheus(
    prometheus_tools: PrometheusTools, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """A Prometheus that has seen every scene of the pictures; about a minute."""
    with remembering(prometheus_tools, tmp_path_factory.mktemp("story")) as api:
        yield api


@pytest.mark.parametrize("board", story.ALL_BOARDS, ids=lambda board: board.uid)
def test_no_panel_stays_empty(board: Board, prometheus: Api) -> None:
    for panel in board.panels:
        for query in panel.queries:
            expression = as_chosen(query.expression, board.variables)
            assert prometheus.over(expression, story.BEGAN_S, story.ENDS_S), (
                f"{panel.title}: {expression}"
            )
