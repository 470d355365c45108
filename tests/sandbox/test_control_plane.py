"""The control plane as its users meet it: who gets in, and what a node and a pod do."""

import datetime
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.credentials import Credentials

from sandbox.aws_provider.kept_store import KeptStore
from sandbox.control_plane.access_entries import granted
from sandbox.control_plane.eks_token import BadTokenError, make_token, read_token
from sandbox.control_plane.token_review import Access, role_of
from sandbox.lifecycle import Sandbox, status
from tests.sandbox.conftest import REGION, Kube, create_cluster, eventually, shim_token

CLUSTER = "moe-test"


@pytest.fixture(scope="module", autouse=True)
def cluster(sandbox: Sandbox) -> None:
    create_cluster(sandbox, CLUSTER)


def test_admin_reaches_the_pinned_version(kube: Kube) -> None:
    assert kube.get("/version")["gitVersion"].startswith("v1.35.")


def test_token_of_the_aws_shim_is_taken(sandbox: Sandbox) -> None:
    caller = Kube(sandbox, shim_token(sandbox, CLUSTER), certificate=False)
    assert caller.get("/api/v1/nodes")["kind"] == "NodeList"
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    who = caller.create("/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
    user = who["status"]["userInfo"]
    assert user["username"].startswith("arn:aws:sts::123456789012:")
    assert "system:masters" in user["groups"]


def test_anonymous_is_refused(sandbox: Sandbox) -> None:
    status, _ = Kube(sandbox, certificate=False).call("GET", "/version")
    assert status == 401


@pytest.mark.parametrize("case", ["nonsense", "other cluster", "other key", "forged", "old"])
def test_bad_token_is_refused(sandbox: Sandbox, case: str) -> None:
    good = Credentials(sandbox.endpoints.access_key, sandbox.endpoints.secret_key)
    if case == "nonsense":
        token = "k8s-aws-v1.bm9uc2Vuc2U"
    elif case == "other cluster":
        token = make_token("no-such-cluster", REGION, good)
    elif case == "other key":
        token = make_token(CLUSTER, REGION, Credentials("AKIAOTHER", "secret"))
    elif case == "forged":
        token = make_token(CLUSTER, REGION, Credentials(good.access_key, "guessed"))
    else:
        token = make_token(CLUSTER, REGION, good)
        later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=16)
        with pytest.raises(BadTokenError, match="older than 15 minutes"):
            read_token(token, later, sandbox.endpoints.moto_url)
        return
    answer, _ = Kube(sandbox, token, certificate=False).call("GET", "/version")
    assert answer == 401


def test_access_entries_decide_name_and_groups(tmp_path: Path) -> None:
    store = KeptStore(tmp_path)
    arn = "arn:aws:iam::123456789012:role/readers"
    assert granted(store.file, CLUSTER, arn) == Access(arn, ("system:masters",))
    with store.change() as content:
        content["things"][f"EKS cluster settings {CLUSTER}"] = {
            "accessConfig": {"bootstrapClusterCreatorAdminPermissions": False}
        }
    assert granted(store.file, CLUSTER, arn) is None
    key = {"clusterName": CLUSTER, "principalArn": arn}
    with store.change() as content:
        entry = {**key, "kubernetesGroups": ["readers"], "username": "somebody"}
        content["things"]["EKS access entries x"] = entry
    assert granted(store.file, CLUSTER, arn) == Access("somebody", ("readers",))
    policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    with store.change() as content:
        content["things"]["EKS access policy associations x"] = {**key, "policyArn": policy}
    assert granted(store.file, CLUSTER, arn) == Access("somebody", ("readers", "system:masters"))
    assert role_of("arn:aws:sts::123456789012:assumed-role/readers/me") == arn


def test_access_entry_is_felt_by_the_api(sandbox: Sandbox) -> None:
    entry = {
        "clusterName": CLUSTER,
        "principalArn": "arn:aws:sts::123456789012:user/moto",
        "kubernetesGroups": ["readers"],
        "username": "somebody",
    }
    store = KeptStore(sandbox.paths.aws)
    with store.change() as content:
        content["things"]["EKS access entries test"] = entry
    try:
        caller = Kube(sandbox, shim_token(sandbox, CLUSTER), certificate=False)
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        user = eventually(
            lambda: caller.create(path, review)["status"]["userInfo"],
            lambda user: user["username"] == "somebody",
        )
        assert "readers" in user["groups"]
        assert caller.call("GET", "/api/v1/secrets")[0] == 403
    finally:
        with store.change() as content:
            del content["things"]["EKS access entries test"]


def test_aws_shim_says_what_it_knows(sandbox: Sandbox) -> None:
    answer = subprocess.run(
        [str(sandbox.paths.bin / "aws"), "s3", "ls"],
        env=sandbox.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 252
    assert "knows only: aws eks get-token" in answer.stderr


def _gpu_node(name: str) -> dict[str, Any]:
    resources = {"cpu": "96", "memory": "1152Gi", "pods": "110", "nvidia.com/gpu": "8"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "status": {"capacity": resources, "allocatable": resources},
    }


def _pod(name: str, gpus: int) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": "example.test/vllm@sha256:0",
        "resources": {"limits": {"nvidia.com/gpu": str(gpus)}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [container]},
    }


def test_node_becomes_ready_and_only_a_pod_that_fits_runs(kube: Kube) -> None:
    kube.create("/api/v1/nodes", _gpu_node("gpu-1"))

    def ready() -> str | None:
        conditions = kube.get("/api/v1/nodes/gpu-1")["status"].get("conditions", [])
        return next((c["status"] for c in conditions if c["type"] == "Ready"), None)

    eventually(ready, lambda answer: answer == "True")
    pods = "/api/v1/namespaces/default/pods"
    kube.create(pods, _pod("eight", 8))
    kube.create(pods, _pod("nine", 9))
    running = eventually(
        lambda: kube.get(f"{pods}/eight"), lambda pod: pod["status"]["phase"] == "Running"
    )
    assert running["spec"]["nodeName"] == "gpu-1"
    conditions = eventually(lambda: kube.get(f"{pods}/nine")["status"].get("conditions"))
    assert kube.get(f"{pods}/nine")["status"]["phase"] == "Pending"
    assert any("Insufficient nvidia.com/gpu" in c.get("message", "") for c in conditions)


def test_a_deployment_gets_its_pod_and_service_account_token(kube: Kube) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "serving"}}
    kube.create("/api/v1/namespaces", namespace)
    account = "/api/v1/namespaces/serving/serviceaccounts/default"
    eventually(lambda: kube.call("GET", account)[0] == 200)
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    answer = kube.create(f"{account}/token", request)
    caller = Kube(kube.sandbox, answer["status"]["token"], certificate=False)
    assert caller.call("GET", "/api/v1/secrets")[0] == 403


def test_everything_listens_on_loopback_only(sandbox: Sandbox) -> None:
    listening = []
    for process in status(sandbox.paths).processes:
        assert process.pid is not None
        for connection in psutil.Process(process.pid).net_connections(kind="inet"):
            if connection.status == psutil.CONN_LISTEN:
                listening.append((process.name, connection.laddr.ip))
    assert {ip for _, ip in listening} == {"127.0.0.1"}
    names = {"etcd", "kube-apiserver", "moto", "service-proxy"}
    assert {name for name, _ in listening} == names


def test_state_is_for_the_owner_only(sandbox: Sandbox) -> None:
    wrong = [
        str(path)
        for path in (sandbox.paths.state, *sandbox.paths.state.rglob("*"))
        if not path.is_symlink() and path.stat().st_mode & 0o077
    ]
    assert wrong == []
