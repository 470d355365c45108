"""The real KEDA: from a query to Prometheus to a pod more, through the real autoscaler."""

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.lifecycle import Sandbox, start, status, stop
from sandbox.paths import SandboxPaths
from sandbox.reporter import PlainReporter, SilentReporter
from tests.sandbox.answering_prometheus import Prometheus
from tests.sandbox.conftest import Kube, eventually
from tests.sandbox.installed_operator import create_node, install

QUERY = 'sum(vllm:num_requests_waiting{namespace="default"})'
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
SCALED_OBJECTS = "/apis/keda.sh/v1alpha1/namespaces/default/scaledobjects"
AUTOSCALERS = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"


@pytest.fixture(scope="module")
def prometheus() -> Iterator[Prometheus]:
    with Prometheus() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One with KEDA, which is built here on a machine that has not built it yet: minutes."""
    paths = SandboxPaths(tmp_path_factory.mktemp("sandbox"))
    try:
        yield start(PlainReporter(sys.stderr), paths, keda=True)
    finally:
        stop(purge=True, reporter=SilentReporter(), paths=paths)


def deployment(name: str) -> dict[str, Any]:
    labels = {"app": name}
    container = {"name": "engine", "image": "example.test/engine"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def scaled_object(name: str, trigger: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": name},
        "spec": {
            "scaleTargetRef": {"name": name},
            "minReplicaCount": 1,
            "maxReplicaCount": 2,
            "pollingInterval": 5,
            "triggers": [trigger],
        },
    }


def test_a_deployment_is_scaled_by_a_query(
    sandbox: Sandbox, kube: Kube, prometheus: Prometheus
) -> None:
    create_node(kube, "system")
    install(sandbox, "keda", "Keda")
    kube.create(DEPLOYMENTS, deployment("engine"))
    address = f"http://127.0.0.1:{prometheus.server_port}"
    metadata = {"serverAddress": address, "query": QUERY, "threshold": "5"}
    trigger = {"type": "prometheus", "metricType": "AverageValue", "metadata": metadata}
    kube.create(SCALED_OBJECTS, scaled_object("engine", trigger))

    def metric_seen() -> list[Any]:
        return [
            metric
            for autoscaler in kube.get(AUTOSCALERS)["items"]
            for metric in autoscaler["status"].get("currentMetrics") or []
            if metric["type"] == "External"
        ]

    eventually(metric_seen)
    assert kube.get(f"{DEPLOYMENTS}/engine")["spec"]["replicas"] == 1
    assert prometheus.queries == {QUERY}

    prometheus.value = 9
    eventually(
        lambda: kube.get(f"{DEPLOYMENTS}/engine")["status"].get("readyReplicas"),
        lambda ready: ready == 2,
    )
    names = {process.name for process in status(sandbox.paths).processes}
    assert {"keda-operator", "keda-adapter"} <= names


def test_a_scaler_that_was_cut_out_says_so(kube: Kube) -> None:
    kube.create(DEPLOYMENTS, deployment("other"))
    trigger = {"type": "redis", "metadata": {"address": "127.0.0.1:1", "listName": "x"}}
    kube.create(SCALED_OBJECTS, scaled_object("other", trigger))

    def ready() -> dict[str, Any] | None:
        conditions = kube.get(f"{SCALED_OBJECTS}/other").get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == "Ready"), None)

    condition = eventually(ready, lambda found: found and found["status"] == "False")
    events = kube.get("/api/v1/namespaces/default/events")["items"]
    assert any("no scaler found for type: redis" in event["message"] for event in events), condition
