"""Every kind of engine on the real engine: goes up, rolls, is scaled, drains, and restarts."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from sandbox.control_plane.kube_api import KubeApiError
from stacks import reading
from tests.engine.conftest import Project

NAMESPACE = "/api/v1/namespaces/model-serving"
SERVER = "mixtral-8x7b-instruct-v0-1"
GROUPS = "/apis/leaderworkerset.x-k8s.io/v1/namespaces/model-serving/leaderworkersets"
DEPLOYMENT = f"/apis/apps/v1/namespaces/model-serving/deployments/{SERVER}"

EFA_IMAGE = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/vllm-openai-efa@sha256:{'5' * 64}"
MII_IMAGE = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/deepspeed-mii@sha256:{'6' * 64}"
TWO_STAGES = {"kind": "vllm", "pipeline_parallel_size": 2, "efa_installer": "1.51.0"}
ACROSS_NODES = {"image": EFA_IMAGE, "engine": TWO_STAGES}
TWO_RANKS = {"kind": "vllm", "expert_parallel": {"data_parallel_size": 2}}
EXPERT_PARALLEL = {"tensor_parallel_size": 4, "engine": TWO_RANKS}
TWO_ON_A_NODE = {"tensor_parallel_size": 4, "memory_gib": 320, "cpu": 40}
MII = {"image": MII_IMAGE, "engine": {"kind": "deepspeed_mii"}}
AS_IT_IS: dict[str, object] = {}

POD_MONITORS = "/apis/monitoring.coreos.com/v1/namespaces/model-serving/podmonitors"
NETWORK_POLICIES = "/apis/networking.k8s.io/v1/namespaces/model-serving/networkpolicies"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
EXTERNAL_SECRETS = "/apis/external-secrets.io/v1/namespaces/model-serving/externalsecrets"
EXTERNAL_SECRET_CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "externalsecrets.external-secrets.io"},
    "spec": {
        "group": "external-secrets.io",
        "scope": "Namespaced",
        "names": {"kind": "ExternalSecret", "plural": "externalsecrets"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
}


def eventually(holds: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.3)


def up(project: Project) -> None:
    result = project.up()
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module", autouse=True)
def as_it_was(running: Project) -> Iterator[None]:
    """Each test brings up what it needs, from wherever the one before left the stack."""
    yield
    up(running)


@pytest.fixture
def across_nodes(project: Project) -> Iterator[Project]:
    """An engine across both nodes.

    Between kinds of workload there are no engines: the new one would wait for the GPUs of the
    old one, which goes last (docs/how-to/engines.md).
    """
    project.change("model_server", replicas=0)
    up(project)
    project.change("model_server", **{"replicas": 1, **ACROSS_NODES})
    up(project)
    yield project
    project.change("model_server", replicas=0)
    up(project)


def up_with(project: Project, **server: object) -> None:
    project.change("model_server", **server)
    up(project)


def pods(project: Project) -> list[dict[str, Any]]:
    """Pods that are not on their way out."""
    found = project.kube.items(f"{NAMESPACE}/pods")
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def names(project: Project) -> set[str]:
    return {pod["metadata"]["uid"] for pod in pods(project)}


def conditions(found: dict[str, Any]) -> set[str]:
    """Those that hold."""
    all_of_them = found.get("status", {}).get("conditions", [])
    return {each["type"] for each in all_of_them if each["status"] == "True"}


def selects(selector: str, pod: str) -> bool:
    """Whether the expression for `pod` in a selector of PromQL matches a name."""
    (expression,) = re.findall(r'pod=~"([^"]+)"', selector)
    return re.fullmatch(expression, pod) is not None


def is_served(project: Project, path: str) -> bool:
    """Whether the API server has made room for a new kind."""
    try:
        project.kube.request("GET", path)
    except KubeApiError:
        return False
    return True


def is_ready(pod: dict[str, Any]) -> bool:
    return "Ready" in conditions(pod)


def all_ready(project: Project, count: int) -> bool:
    found = pods(project)
    return len(found) == count and all(map(is_ready, found))


def arguments(pod: dict[str, Any]) -> Sequence[str]:
    found: Sequence[str] = pod["spec"]["containers"][0]["args"]
    return found


@pytest.mark.parametrize(
    ("server", "gpus"),
    [(AS_IT_IS, 8), (TWO_ON_A_NODE, 4), (EXPERT_PARALLEL, 8), (MII, 8)],
    ids=["one node", "two on a node", "expert parallel", "deepspeed-mii"],
)
def test_engines_go_up_and_roll_without_a_free_gpu(
    project: Project, server: dict[str, object], gpus: int
) -> None:
    # As many engines as the two nodes hold: a pod more could not start beside them.
    count = 2 * 8 // gpus
    up_with(project, **server, replicas=2)
    if count > 2:
        # Another shape first, then more of them (docs/how-to/engines.md).
        up_with(project, replicas=count)
    # A pod that the roll ends is listed until it has ended.
    eventually(lambda: all_ready(project, count))
    for pod in pods(project):
        (container,) = pod["spec"]["containers"]
        assert container["resources"]["limits"]["nvidia.com/gpu"] == str(gpus)
        assert "vpc.amazonaws.com/efa" not in container["resources"]["limits"]
    before = names(project)

    repository = pods(project)[0]["spec"]["containers"][0]["image"].partition("@")[0]
    up_with(project, image=f"{repository}@sha256:{'7' * 64}")
    eventually(lambda: all_ready(project, count))
    assert not names(project) & before

    up_with(project, replicas=1)
    eventually(lambda: all_ready(project, 1))


def test_an_engine_is_locked_down_and_spread(project: Project) -> None:
    up_with(project, replicas=1)
    eventually(lambda: all_ready(project, 1))
    (pod,) = pods(project)
    spec = pod["spec"]
    assert spec["enableServiceLinks"] is False
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["priority"] == 100_000
    (spread,) = spec["topologySpreadConstraints"]
    assert spread["topologyKey"] == "kubernetes.io/hostname"
    (container,) = spec["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}

    policies = "/apis/networking.k8s.io/v1/namespaces/model-serving/networkpolicies"
    (policy,) = project.kube.items(policies)
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    (rule,) = policy["spec"]["ingress"]
    assert [port["port"] for port in rule["ports"]] == [8000]
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


def test_an_engine_across_nodes_goes_up_rolls_and_restarts_as_a_group(
    across_nodes: Project,
) -> None:
    project = across_nodes
    assert all_ready(project, 2)
    assert len({pod["spec"]["nodeName"] for pod in pods(project)}) == 2
    leader, worker = sorted(pods(project), key=lambda pod: "--headless" in arguments(pod))
    for pod in (leader, worker):
        (container,) = pod["spec"]["containers"]
        limits = container["resources"]["limits"]
        assert limits["vpc.amazonaws.com/efa"] == "4"
        assert limits["hugepages-2Mi"] == "5Gi"
        # The controller's webhook sets what the flags refer to.
        variables = {each["name"]: each.get("value") for each in container["env"]}
        assert variables["LWS_LEADER_ADDRESS"].startswith(f"{SERVER}-group-0.{SERVER}-group")
        assert "--nnodes=2" in arguments(pod)
        assert "--node-rank=$(LWS_WORKER_INDEX)" in arguments(pod)

    # Requests go to the leader alone.
    (ready,) = [
        address["targetRef"]["name"]
        for subset in project.kube.request("GET", f"{NAMESPACE}/endpoints/{SERVER}")["subsets"]
        for address in subset.get("addresses", [])
    ]
    assert ready == leader["metadata"]["name"]

    # Alerts know them by their names.
    served = replace(reading.from_file("local").served(0), spans_nodes=True)
    both = {pod["metadata"]["name"] for pod in (leader, worker)}
    assert {name for name in both if selects(served.pods, name)} == both
    assert {name for name in both if selects(served.answering_pods, name)} == {ready}

    # A worker that outlives its leader's drain, and no longer.
    sleeps = {
        pod["metadata"]["name"]: pod["spec"]["containers"][0]["lifecycle"]["preStop"]["sleep"]
        for pod in (leader, worker)
    }
    grace_s = worker["spec"]["terminationGracePeriodSeconds"]
    assert sleeps[leader["metadata"]["name"]]["seconds"] == 15
    assert sleeps[worker["metadata"]["name"]]["seconds"] == 15 + 120 < grace_s

    before = names(project)
    project.kube.request("DELETE", f"{NAMESPACE}/pods/{worker['metadata']['name']}")
    eventually(lambda: not names(project) & before and all_ready(project, 2))

    before = names(project)
    project.change("model_server", image=EFA_IMAGE.replace("5" * 64, "7" * 64))
    up(project)
    # `up` waits for the group: what it leaves is the new one.
    assert all_ready(project, 2)
    assert not names(project) & before
    again = project.up("--expect-no-changes")
    assert again.returncode == 0, again.stdout + again.stderr


def test_efa_of_an_engine_across_nodes_is_watched(across_nodes: Project) -> None:
    kube = across_nodes.kube
    (daemon_set,) = (
        found
        for found in kube.items("/apis/apps/v1/namespaces/monitoring/daemonsets")
        if found["metadata"]["name"] == "efa-exporter"
    )
    assert daemon_set["status"]["numberReady"] == 2
    spec = daemon_set["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["image"] == EFA_IMAGE
    assert not spec.get("hostNetwork")
    assert not spec["automountServiceAccountToken"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert all(mount["readOnly"] for mount in container["volumeMounts"])
    assert "nvidia.com/gpu" not in container["resources"]["limits"]

    group = "/apis/monitoring.coreos.com/v1"
    (prometheus,) = kube.items(f"{group}/prometheuses")
    wanted = prometheus["spec"]["podMonitorSelector"]["matchLabels"]
    (monitor,) = kube.items(f"{group}/namespaces/monitoring/podmonitors")
    assert wanted.items() <= monitor["metadata"]["labels"].items()
    assert monitor["spec"]["podMetricsEndpoints"][0]["port"] == container["ports"][0]["name"]
    assert monitor["spec"]["selector"] == daemon_set["spec"]["selector"]
    (rule,) = kube.items(f"{group}/prometheusrules")
    assert "efa.rules" in {each["name"] for each in rule["spec"]["groups"]}


def test_a_node_drain_takes_one_engine_at_a_time(project: Project) -> None:
    up_with(project, replicas=2)

    def evict(pod: dict[str, Any]) -> None:
        metadata = {"name": pod["metadata"]["name"], "namespace": "model-serving"}
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
        project.kube.request("POST", f"{NAMESPACE}/pods/{metadata['name']}/eviction", body)

    budgets = "/apis/policy/v1/namespaces/model-serving/poddisruptionbudgets"
    eventually(lambda: project.kube.items(budgets)[0]["status"]["disruptionsAllowed"] == 1)
    first, second = pods(project)
    evict(first)
    with pytest.raises(KubeApiError, match="disruption budget"):
        evict(second)
    eventually(lambda: all_ready(project, 2))


def test_engines_without_metrics_are_watched_by_their_probes_alone(project: Project) -> None:
    up_with(project, **MII)
    monitors = project.kube.items(
        "/apis/monitoring.coreos.com/v1/namespaces/model-serving/servicemonitors"
    )
    assert monitors == []
    (rule,) = project.kube.items("/apis/monitoring.coreos.com/v1/prometheusrules")
    groups = [group["name"] for group in rule["spec"]["groups"]]
    assert groups == ["probe.rules", "gpu.rules", "cluster.rules"]
    eventually(lambda: all_ready(project, 1))
    (pod,) = pods(project)
    assert selects(reading.from_file("local").served(0).pods, pod["metadata"]["name"])
    (weights,) = pod["spec"]["initContainers"]
    assert weights["command"][:2] == ["hf", "download"]
    assert any(word.startswith("--revision=eba92302") for word in weights["args"])


def test_tokens_per_expert_are_asked_of_every_rank_by_monitoring_alone(project: Project) -> None:
    up_with(project, **EXPERT_PARALLEL)
    up_with(project, engine={**TWO_RANKS, "expert_metrics": True})
    eventually(lambda: all_ready(project, 1))
    (pod,) = pods(project)
    check_expert_metrics(project, [pod], ports={9500, 9501})

    # Switched off, nothing of it stays.
    up_with(project, **EXPERT_PARALLEL)
    eventually(lambda: all_ready(project, 1))
    assert project.kube.items(POD_MONITORS) == []
    assert [each for each in config_maps(project) if "experts" in each] == []
    (pod,) = pods(project)
    assert "9500" not in str(pod["spec"])


def test_tokens_per_expert_are_asked_of_every_stage(across_nodes: Project) -> None:
    across_nodes.change("model_server", engine={**TWO_STAGES, "expert_metrics": True})
    up(across_nodes)
    assert all_ready(across_nodes, 2)
    check_expert_metrics(across_nodes, pods(across_nodes), ports={9500})


def check_expert_metrics(project: Project, found: list[dict[str, Any]], ports: set[int]) -> None:
    """Every pod of `found` has the plugin and its ports, and Prometheus finds all of them."""
    (monitor,) = project.kube.items(POD_MONITORS)
    assert monitor["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    scraped = {each["port"] for each in monitor["spec"]["podMetricsEndpoints"]}
    selected = monitor["spec"]["selector"]["matchLabels"].items()
    for pod in found:
        assert selected <= pod["metadata"]["labels"].items()
        (container,) = pod["spec"]["containers"]
        named = {each["name"]: each["containerPort"] for each in container["ports"]}
        assert {named[name] for name in scraped} == ports
        variables = {each["name"]: each.get("value") for each in container["env"]}
        assert variables["MOE_EXPERT_METRICS_MODEL_NAME"] == SERVER
        folder = variables["PYTHONPATH"]
        (mount,) = [each for each in container["volumeMounts"] if each["mountPath"] == folder]
        (volume,) = [each for each in pod["spec"]["volumes"] if each["name"] == mount["name"]]
        assert volume["configMap"]["name"] in config_maps(project)
        assert mount["readOnly"]
    policy = project.kube.request("GET", f"{NETWORK_POLICIES}/{SERVER}")["spec"]
    monitoring = {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}
    (ingress,) = [
        rule
        for rule in policy["ingress"]
        if {each["port"] for each in rule.get("ports", [])} == ports
    ]
    assert ingress["from"] == [{"namespaceSelector": monitoring}]
    (rule,) = project.kube.items("/apis/monitoring.coreos.com/v1/prometheusrules")
    assert "experts.rules" in [group["name"] for group in rule["spec"]["groups"]]


def config_maps(project: Project) -> set[str]:
    found = project.kube.items(f"{NAMESPACE}/configmaps")
    return {each["metadata"]["name"] for each in found}


def test_secrets_come_from_the_store_before_the_engines_that_need_them(project: Project) -> None:
    """The External Secrets Operator is the user's own: its definition alone is here, and no hand
    that would make an ExternalSecret ready."""
    up(project)
    project.kube.request("POST", CRDS, EXTERNAL_SECRET_CRD)
    eventually(lambda: is_served(project, EXTERNAL_SECRETS))
    project.change("model_server", api_key_secret="api-key", external_secret_store="aws")
    project.change("model_weights", hugging_face_token_secret="hugging-face")
    before = project.kube.request("GET", DEPLOYMENT)["metadata"]["generation"]

    def secrets() -> list[dict[str, Any]]:
        return project.kube.items(EXTERNAL_SECRETS)

    running = threading.Thread(target=up, args=(project,))
    running.start()
    try:
        eventually(lambda: len(project.kube.items(EXTERNAL_SECRETS)) == 2)
        wanted = {each["metadata"]["name"]: each["spec"] for each in secrets()}
        waiting = project.kube.request("GET", DEPLOYMENT)["metadata"]["generation"]
    finally:
        for each in secrets():
            each["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
            name = each["metadata"]["name"]
            project.kube.request("PUT", f"{EXTERNAL_SECRETS}/{name}", each)
        running.join()
    assert waiting == before
    for name, spec in wanted.items():
        assert spec["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "aws"}
        assert spec["dataFrom"] == [{"extract": {"key": name}}]
    container = project.kube.request("GET", DEPLOYMENT)["spec"]["template"]["spec"]["containers"][0]
    keys = {
        each["name"]: each["valueFrom"]["secretKeyRef"]
        for each in container["env"]
        if "valueFrom" in each
    }
    assert keys["VLLM_API_KEY"] == {"name": "api-key", "key": "key"}
    assert keys["HF_TOKEN"] == {"name": "hugging-face", "key": "token"}
