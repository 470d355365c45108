"""Dashboards for Grafana, one module each; thresholds and runbooks are those of the alerts."""

from catalog.alerts import Served, Thresholds
from catalog.dashboards import efa, experts, gpus, kv_cache, serving
from catalog.dashboards.board import Board

__all__ = ["Board", "boards"]


def boards(served: Served, thresholds: Thresholds) -> list[Board]:
    """The dashboards that make sense for what is served; the first is where to look first."""
    chosen = [gpus.board(served, thresholds)]
    if served.engine_has_metrics:
        chosen = [serving.board(thresholds), kv_cache.board(thresholds), *chosen]
    if served.spans_nodes:
        chosen.append(efa.board(served, thresholds))
    if served.expert_metrics:
        chosen.append(experts.board(served, thresholds))
    return chosen
