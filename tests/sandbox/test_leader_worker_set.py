"""The real LeaderWorkerSet operator, installed by its own chart."""

from typing import Any

import pytest

from sandbox.lifecycle import Sandbox
from tests.sandbox.conftest import Kube, eventually
from tests.sandbox.installed_operator import create_node, install

SETS = "/apis/leaderworkerset.x-k8s.io/v1/namespaces/default/leaderworkersets"
PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture(scope="module", autouse=True)
def operator(sandbox: Sandbox, kube: Kube) -> None:
    create_node(kube, "system")
    create_node(kube, "gpu", {"moe-serving/node": "gpu"})
    install(sandbox, "leader_worker_set_operator", "LeaderWorkerSetOperator")


def group(name: str, **changed: Any) -> dict[str, Any]:
    """A group of two pods, which is started again as a whole."""
    template = {
        "spec": {
            "initContainers": [{"name": "weights", "image": "example.test/weights"}],
            "containers": [{"name": "engine", "image": "example.test/engine"}],
        }
    }
    return {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "leaderWorkerTemplate": {
                "size": 2,
                "restartPolicy": "RecreateGroupOnPodRestart",
                "leaderTemplate": template,
                "workerTemplate": template,
                **changed,
            },
        },
    }


def running_pods(kube: Kube) -> dict[str, dict[str, Any]]:
    return {
        pod["metadata"]["name"]: pod
        for pod in kube.get(PODS)["items"]
        if pod["status"].get("phase") == "Running"
    }


def test_a_group_is_created_with_its_places_and_recreated_as_a_whole(kube: Kube) -> None:
    # At once after the release: its process may still be starting.
    kube.create(SETS, group("engine"))
    pods = eventually(lambda: running_pods(kube), lambda pods: len(pods) == 2)
    assert set(pods) == {"engine-0", "engine-0-1"}
    for index, pod in enumerate(pods[name] for name in sorted(pods)):
        labels = pod["metadata"]["labels"]
        assert labels["leaderworkerset.sigs.k8s.io/name"] == "engine"
        assert labels["leaderworkerset.sigs.k8s.io/worker-index"] == str(index)
        (container,) = pod["spec"]["containers"]
        assert {each["name"]: each["value"] for each in container["env"]} == {
            "LWS_LEADER_ADDRESS": "engine-0.engine.default",
            "LWS_GROUP_SIZE": "2",
            "LWS_WORKER_INDEX": str(index),
        }
        (weights,) = pod["status"]["initContainerStatuses"]
        assert weights["state"]["terminated"]["exitCode"] == 0

    before = {pod["metadata"]["uid"] for pod in pods.values()}
    assert kube.call("DELETE", f"{PODS}/engine-0-1")[0] == 200

    def anew() -> set[str]:
        return {pod["metadata"]["uid"] for pod in running_pods(kube).values()} - before

    eventually(anew, lambda uids: len(uids) == 2)
    ready = eventually(
        lambda: kube.get(f"{SETS}/engine")["status"], lambda status: status.get("readyReplicas")
    )
    assert ready["replicas"] == 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"size": 0}, "size must be equal or greater than 1"),
        ({"subGroupPolicy": {"subGroupSize": 5}}, "subGroupSize cannot be larger than size"),
    ],
)
def test_an_invalid_group_is_refused(kube: Kube, changed: dict[str, Any], message: str) -> None:
    status, answer = kube.call("POST", SETS, group("invalid", **changed))
    assert status == 403
    assert message in answer["message"]


def test_the_operator_is_kept_off_the_gpu_nodes(kube: Kube) -> None:
    pods = kube.get("/api/v1/namespaces/lws-system/pods")["items"]
    assert [pod["spec"]["nodeName"] for pod in pods] == ["system", "system"]
