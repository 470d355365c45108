"""Alerts from EFA's counters: each fires, stays quiet below, resolves, reads well."""

from dataclasses import replace

from catalog.alerts import Thresholds, rule_groups
from catalog.alerts.scenes.scene import SERVED


def test_an_engine_on_one_node_has_no_alerts_about_efa() -> None:
    def names(*, spans_nodes: bool) -> set[str]:
        groups = rule_groups(replace(SERVED, spans_nodes=spans_nodes), Thresholds())
        return {group.name for group in groups}

    assert names(spans_nodes=True) - names(spans_nodes=False) == {"efa.rules"}
