"""Engines are added while requests wait: our ScaledObject, the real KEDA, the real autoscaler."""

import threading
from collections.abc import Iterator

import pytest

from tests.engine.conftest import Project
from tests.engine.test_engines import DEPLOYMENT, SERVER, eventually, up
from tests.sandbox.answering_prometheus import Prometheus

AUTOSCALERS = "/apis/autoscaling/v2/namespaces/model-serving/horizontalpodautoscalers"
_URL = 'PROMETHEUS_URL = f"http'


@pytest.fixture
def prometheus() -> Iterator[Prometheus]:
    with Prometheus() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def scaled(project: Project, prometheus: Prometheus) -> Iterator[Project]:
    """One engine, and up to two; the program asks the test's own Prometheus."""
    project.with_keda()
    monitoring = project.folder / "components" / "monitoring.py"
    text = monitoring.read_text()
    assert _URL in text
    own = f'PROMETHEUS_URL = "http://127.0.0.1:{prometheus.server_port}"  # f"http'
    monitoring.write_text(text.replace(_URL, own))
    project.change(
        "model_server",
        autoscaling={"max_replicas": 2, "polling_interval_s": 5, "scale_up_window_s": 0},
    )
    up(project)
    yield project
    project.restore()
    up(project)


def replicas(project: Project) -> int:
    found: int = project.kube.request("GET", DEPLOYMENT)["spec"]["replicas"]
    return found


def test_waiting_requests_start_an_engine_that_an_up_leaves_alone(
    scaled: Project, prometheus: Prometheus
) -> None:
    selector = f'{{namespace="model-serving",service="{SERVER}"}}'
    eventually(
        lambda: (
            prometheus.queries
            == {
                f"sum(vllm:num_requests_waiting{selector})",
                f"sum(vllm:kv_cache_usage_perc{selector})",
            }
        )
    )
    (autoscaler,) = scaled.kube.items(AUTOSCALERS)
    assert (autoscaler["spec"]["minReplicas"], autoscaler["spec"]["maxReplicas"]) == (1, 2)
    behavior = autoscaler["spec"]["behavior"]
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == 1800
    assert behavior["scaleUp"]["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 1800}]
    assert replicas(scaled) == 1

    prometheus.value = 9
    eventually(lambda: replicas(scaled) == 2)

    again = scaled.up("--expect-no-changes")
    assert again.returncode == 0, again.stdout + again.stderr
    # A new digest is rolled out, and the number of engines stays the autoscaler's.
    scaled.change("model_server", image=f"vllm/vllm-openai@sha256:{'8' * 64}")
    up(scaled)
    assert replicas(scaled) == 2
