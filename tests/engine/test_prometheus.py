"""The deployed rules and the deployed autoscaler, on what Prometheus is played."""

from collections.abc import Iterator

import pytest

from sandbox.charts import write_charts
from sandbox.lifecycle import Sandbox, start
from sandbox.monitoring import present
from sandbox.monitoring.present import PresentAlert
from sandbox.monitoring.scenes import SCENES
from sandbox.paths import SandboxPaths
from sandbox.reporter import SilentReporter
from stacks.settings.model_server import NAMESPACE
from tests.engine.conftest import Project
from tests.engine.test_autoscaling import replicas
from tests.engine.test_engines import eventually, up

SPEED = 20


@pytest.fixture
def watched(project: Project) -> Iterator[Sandbox]:
    """With KEDA, which the stack asks for in one of the tests."""
    paths = SandboxPaths(project.folder)
    sandbox = start(SilentReporter(), paths, keda=True, prometheus_speed=SPEED)
    write_charts(sandbox.paths.charts, sandbox.tools)
    yield sandbox
    present.play(sandbox.endpoints, SCENES["calm"])


def alerts(sandbox: Sandbox) -> list[PresentAlert]:
    return list(present.monitoring(sandbox.endpoints, SPEED).alerts)


def test_an_alert_names_the_pod_that_is_deployed(project: Project, watched: Sandbox) -> None:
    present.play(watched.endpoints, SCENES["kv-full"])
    eventually(
        lambda: ("HighKVCacheUsage", "firing") in {(a.name, a.state) for a in alerts(watched)},
        timeout_s=180,
    )
    (pod,) = project.kube.items(f"/api/v1/namespaces/{NAMESPACE}/pods")
    (alert,) = [each for each in alerts(watched) if each.name == "HighKVCacheUsage"]
    assert f"{NAMESPACE}/{pod['metadata']['name']}" in alert.description


def test_a_burst_starts_an_engine(project: Project, watched: Sandbox) -> None:
    """KEDA asks the address of the Service, as it does in a real cluster."""
    project.change(
        "model_server",
        autoscaling={"max_replicas": 2, "polling_interval_s": 5, "scale_up_window_s": 0},
    )
    up(project)
    assert replicas(project) == 1
    present.play(watched.endpoints, SCENES["burst"])
    eventually(lambda: replicas(project) == 2, timeout_s=180)
    project.restore()
    up(project)
