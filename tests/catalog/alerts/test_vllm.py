"""Alerts from vLLM's metrics: each fires, stays quiet below, resolves, reads well."""

from pathlib import Path

import pytest

from tests.catalog.alerts.scene import Scene, play, series

POD = {"namespace": "m", "pod": "p", "model_name": "mixtral"}
MODEL = {"namespace": "m", "model_name": "mixtral"}

SCENES = {
    "kv cache full, then not": Scene(
        "HighKVCacheUsage",
        [series("vllm:kv_cache_usage_perc", {**POD, "engine": "0"}, "0.95x10 0.5x10")],
        quiet_min=(0, 4, 12),
        firing_min=6,
        labels=POD,
        description=(
            "The KV cache of m/p (mixtral) has been at 95%, above 90%: past it vLLM preempts"
            " requests and computes them again."
        ),
    ),
    "kv cache at the threshold": Scene(
        "HighKVCacheUsage",
        [series("vllm:kv_cache_usage_perc", POD, "0.9x20")],
        quiet_min=(6, 15),
    ),
    "queue, then none": Scene(
        "ModelServerQueueBacklog",
        [series("vllm:num_requests_waiting", POD, "21x10 20x10")],
        quiet_min=(4, 12),
        firing_min=6,
        labels=POD,
        description="21 requests wait for m/p (mixtral).",
    ),
    "first token after 7 s, then after 0.3 s": Scene(
        "ModelServerSlowFirstToken",
        [
            series(
                "vllm:time_to_first_token_seconds_bucket", {**MODEL, "le": "0.5"}, "0x20 60+60x20"
            ),
            series(
                "vllm:time_to_first_token_seconds_bucket", {**MODEL, "le": "5.0"}, "0x20 60+60x20"
            ),
            series("vllm:time_to_first_token_seconds_bucket", {**MODEL, "le": "7.5"}, "0+60x41"),
            series("vllm:time_to_first_token_seconds_bucket", {**MODEL, "le": "+Inf"}, "0+60x41"),
        ],
        quiet_min=(8, 40),
        firing_min=14,
        labels=MODEL,
        description=(
            "One in a hundred requests to mixtral in m waits 7.475s or longer for its first token."
        ),
    ),
    "requests run and no step ends, then it goes on": Scene(
        "ModelServerEngineStalled",
        [
            series("vllm:num_requests_waiting", POD, "3x30"),
            series("vllm:num_requests_running", POD, "2x30"),
            series("vllm:iteration_tokens_total_count", POD, "0+60x5 300x10 300+60x15"),
        ],
        quiet_min=(4, 20),
        firing_min=14,
        labels=POD,
        description=(
            "m/p (mixtral) holds 5 requests and has finished no engine step for five minutes."
        ),
    ),
    "idle is not stalled": Scene(
        "ModelServerEngineStalled",
        [
            series("vllm:num_requests_waiting", POD, "0x30"),
            series("vllm:num_requests_running", POD, "0x30"),
            series("vllm:iteration_tokens_total_count", POD, "300x30"),
        ],
        quiet_min=(10, 20),
    ),
}


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())
def test_alert(scene: Scene, promtool: Path, tmp_path: Path) -> None:
    play(scene, promtool, tmp_path)
