"""Each alert on the real promtool: fires, stays quiet below, resolves, reads well."""

import csv
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from catalog.alert_rules import AlertThresholds, gpu_alerts, probe_alerts, rule_groups, vllm_alerts
from components.monitoring import dcgm_collectors

THRESHOLDS = AlertThresholds(
    kv_cache_usage_ratio=0.9,
    waiting_requests=20,
    ttft_p99_s=5.0,
    gpus_per_node=8,
    startup_s=1800,
    namespace="m",
)
ALERTS = {
    alert.name: alert
    for alerts in (vllm_alerts, probe_alerts, gpu_alerts)
    for alert in alerts(THRESHOLDS)
}
RUNBOOKS = "https://runbooks.example.com/moe"

POD = {"namespace": "m", "pod": "p", "model_name": "mixtral"}
MODEL = {"namespace": "m", "model_name": "mixtral"}


def series(name: str, labels: dict[str, str], values: str) -> dict[str, str]:
    selector = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return {"series": f"{name}{{{selector}}}", "values": values}


@dataclass(frozen=True)
class Scene:
    """Series at one-minute steps; minutes at which `alert` is quiet, and one at which it fires."""

    alert: str
    input_series: list[dict[str, str]]
    quiet_min: tuple[int, ...]
    firing_min: int | None = None
    labels: dict[str, str] | None = None
    description: str = ""


READY = {"namespace": "m", "pod": "p", "condition": "true"}

SCENES = {
    "ready, then not, then again": Scene(
        "ModelServerNotReady",
        [
            series("kube_pod_status_ready", READY, "1x10 0x10 1x10"),
            series("kube_pod_created", {"namespace": "m", "pod": "p"}, "0x30"),
        ],
        quiet_min=(9, 25),
        firing_min=14,
        labels={"namespace": "m", "pod": "p"},
        description=(
            "m/p was ready before, or had 30 minutes to become it, and is not ready: it gets no"
            " requests."
        ),
    ),
    "never ready": Scene(
        "ModelServerNotReady",
        [
            series("kube_pod_status_ready", READY, "0x60"),
            series("kube_pod_created", {"namespace": "m", "pod": "p"}, "0x60"),
        ],
        quiet_min=(5, 30),
        firing_min=34,
        labels={"namespace": "m", "pod": "p"},
        description=(
            "m/p was ready before, or had 30 minutes to become it, and is not ready: it gets no"
            " requests."
        ),
    ),
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
    "the device plugin withdraws a GPU, then brings it back": Scene(
        "GPULost",
        [
            series(
                "kube_node_status_allocatable",
                {"node": "n", "resource": "nvidia_com_gpu"},
                "7x10 8x10",
            )
        ],
        quiet_min=(4, 12),
        firing_min=6,
        labels={"node": "n"},
        description="Node n shows 7 of 8 GPUs.",
    ),
    "DCGM loses a GPU": Scene(
        "GPULost",
        [
            series("DCGM_FI_DEV_GPU_TEMP", {"Hostname": "n", "gpu": str(gpu)}, "40x10")
            for gpu in range(7)
        ],
        quiet_min=(4,),
        firing_min=6,
        # `count by (Hostname)` keeps that label beside the one that the alert adds.
        labels={"node": "n", "Hostname": "n"},
        description="Node n shows 7 of 8 GPUs.",
    ),
    "eight GPUs are all": Scene(
        "GPULost",
        [
            series("DCGM_FI_DEV_GPU_TEMP", {"Hostname": "n", "gpu": str(gpu)}, "40x10")
            for gpu in range(8)
        ],
        quiet_min=(6, 9),
    ),
}


def expectation(scene: Scene, minute: int, firing: bool) -> dict[str, Any]:
    alert = ALERTS[scene.alert]
    expected = {
        "exp_labels": {**(scene.labels or {}), "severity": alert.severity},
        "exp_annotations": {
            "summary": alert.summary,
            "description": scene.description,
            "runbook_url": f"{RUNBOOKS}/{alert.name.lower()}",
        },
    }
    return {
        "eval_time": f"{minute}m",
        "alertname": scene.alert,
        "exp_alerts": [expected] if firing else [],
    }


@pytest.fixture(scope="session")
def rules_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rules") / "rules.yaml"
    # JSON is YAML.
    path.write_text(json.dumps({"groups": rule_groups(THRESHOLDS, RUNBOOKS)}))
    return path


def test_promtool_accepts_the_rules(promtool: Path, rules_file: Path) -> None:
    result = subprocess.run(
        [promtool, "check", "rules", "--lint=all", "--lint-fatal", rules_file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(ALERTS)} rules found" in result.stdout


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())
def test_alert(scene: Scene, promtool: Path, rules_file: Path, tmp_path: Path) -> None:
    expectations = [expectation(scene, minute, firing=False) for minute in scene.quiet_min]
    if scene.firing_min is not None:
        expectations.append(expectation(scene, scene.firing_min, firing=True))
    tests = {
        "rule_files": [str(rules_file)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": scene.input_series,
                "alert_rule_test": expectations,
            }
        ],
    }
    file = tmp_path / "test.yaml"
    file.write_text(json.dumps(tests))
    result = subprocess.run(
        [promtool, "test", "rules", file], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_has_a_scene_in_which_it_fires() -> None:
    assert {scene.alert for scene in SCENES.values() if scene.firing_min is not None} == set(ALERTS)


def test_every_dcgm_metric_of_a_rule_is_collected() -> None:
    lines = [line for line in dcgm_collectors().splitlines() if not line.startswith("#")]
    collected = {row[0].strip() for row in csv.reader(lines)}
    used = {
        word
        for alert in ALERTS.values()
        for word in alert.expression.replace("(", " ").replace(")", " ").split()
        if word.startswith("DCGM_")
    }
    assert used
    assert used <= collected


@pytest.mark.parametrize("alert", ALERTS.values(), ids=ALERTS.keys())
def test_every_alert_has_a_runbook_page(alert: Any) -> None:
    page = Path(__file__).parents[2] / "docs" / "runbooks" / f"{alert.name.lower()}.md"
    assert page.read_text().startswith(f"# {alert.name}\n")
