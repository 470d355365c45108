"""Alerts from vLLM's metrics: each fires, stays quiet below, resolves, reads well."""

import dataclasses

from catalog.alerts import Thresholds, vllm
from catalog.alerts.scenes.scene import SERVED, alerts
from catalog.alerts.scenes.vllm import ENDED, REFUSED


def test_whatever_an_alert_reads_is_missed() -> None:
    missing = alerts()["ModelServerMetricsMissing"].expression
    for name in ("vllm:kv_cache_usage_perc", "vllm:iteration_tokens_total_count", ENDED, REFUSED):
        assert f'"metric", "{name}"' in missing


def test_engines_without_a_limit_refuse_nothing_so_no_alert_waits_for_it() -> None:
    without = dataclasses.replace(SERVED, queue_is_limited=False)
    names = {alert.name for alert in vllm.group(without, Thresholds().vllm).alerts}
    assert "ModelServerRejectsRequests" not in names
    assert "ModelServerRejectsRequests" in alerts()
