"""The scheduler is the real one: what cannot run on these nodes stays pending."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from catalog import gpu_nodes
from tests.engine.conftest import Project

PODS = "/api/v1/namespaces/default/pods"


def pod(name: str, gpus: int, tolerates: bool) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "tolerations": [dict(gpu_nodes.TOLERATION)] if tolerates else [],
            "containers": [
                {
                    "name": "vllm",
                    "image": "x",
                    "resources": {"limits": {gpu_nodes.GPU_RESOURCE: str(gpus)}},
                }
            ],
        },
    }


@pytest.fixture
def created(project: Project) -> Iterator[Any]:
    names: list[str] = []

    def create(body: dict[str, Any]) -> str:
        project.kube.request("POST", PODS, body)
        names.append(body["metadata"]["name"])
        return names[-1]

    yield create
    for name in names:
        project.kube.request("DELETE", f"{PODS}/{name}")


def verdict(project: Project, name: str) -> tuple[str, str]:
    """Phase and scheduling message, once the scheduler has spoken."""
    deadline = time.monotonic() + 30
    while True:
        status = project.kube.request("GET", f"{PODS}/{name}")["status"]
        conditions = {c["type"]: c for c in status.get("conditions", [])}
        if "PodScheduled" in conditions and (
            conditions["PodScheduled"]["status"] == "False" or status["phase"] == "Running"
        ):
            return status["phase"], conditions["PodScheduled"].get("message", "")
        assert time.monotonic() < deadline, status
        time.sleep(0.2)


def test_eight_gpus_with_the_toleration_run(project: Project, created: Any) -> None:
    assert verdict(project, created(pod("eight", 8, tolerates=True)))[0] == "Running"


def test_nine_gpus_stay_pending(project: Project, created: Any) -> None:
    phase, message = verdict(project, created(pod("nine", 9, tolerates=True)))
    assert phase == "Pending"
    assert "Insufficient nvidia.com/gpu" in message


def test_a_pod_that_does_not_tolerate_the_taint_stays_pending(
    project: Project, created: Any
) -> None:
    phase, message = verdict(project, created(pod("intolerant", 8, tolerates=False)))
    assert phase == "Pending"
    assert "untolerated taint" in message
