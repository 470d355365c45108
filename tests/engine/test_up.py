"""`pulumi up` of stack `local`, from nothing, on the real engine and control plane."""

import json

from catalog import gpu_nodes
from catalog.startup import LEAST_S
from components import gpu_operator, monitoring
from sandbox.summary import summarize
from stacks import reading
from stacks.settings.model_server import NAMESPACE
from tests.engine.conftest import Project

PROTECTED_IN_REAL_STACKS = {"aws:eks/cluster:Cluster", "aws:kms/key:Key"}


def test_what_is_up_is_what_the_stack_file_says(project: Project) -> None:
    settings = reading.from_file("local")
    summary = summarize(project.kube, settings)

    assert len(summary.gpu_nodes) == settings.gpu_node_group.desired_nodes
    for node in summary.gpu_nodes:
        assert node.ready
        assert (node.gpus, node.efa_interfaces) == (8, 4)
        assert node.instance_type == settings.gpu_node_group.instance_type
        assert node.zone == settings.gpu_node_group.zone

    assert {w.namespace for w in summary.operators} >= {
        gpu_operator.NAMESPACE,
        monitoring.NAMESPACE,
        "kube-system",
    }
    assert all(w.ready == w.desired > 0 for w in summary.operators), summary.operators

    (model,) = summary.models
    assert model.model == settings.model_server.model
    assert model.image == settings.model_server.image
    assert model.gpus == settings.model_server.tensor_parallel_size
    assert (model.ready, model.desired) == (1, 1)

    assert {rule.name for rule in summary.rules} == {"vllm-kv-cache-usage"}
    (group,) = (rule for rule in summary.rules if rule.group == "vllm.rules")
    assert "HighKVCacheUsage" in group.alerts


def test_daemonsets_of_the_operators_run_on_the_gpu_nodes(project: Project) -> None:
    gpu_node_names = {
        node["metadata"]["name"]
        for node in project.kube.items("/api/v1/nodes")
        if gpu_nodes.GPU_RESOURCE in node["status"]["allocatable"]
    }
    pods = project.kube.items("/api/v1/pods")
    for name in ("nvidia-device-plugin-daemonset", "aws-efa-k8s-device-plugin"):
        on = {p["spec"]["nodeName"] for p in pods if p["metadata"]["name"].startswith(name)}
        assert on == gpu_node_names, name


def test_operands_that_the_ami_brings_are_off(project: Project) -> None:
    names = {
        item["metadata"]["name"]
        for item in project.kube.items(
            f"/apis/apps/v1/namespaces/{gpu_operator.NAMESPACE}/daemonsets"
        )
    }
    assert "nvidia-device-plugin-daemonset" in names
    assert not names & {"nvidia-driver-daemonset", "nvidia-container-toolkit-daemonset"}


def test_grafana_finds_every_dashboard(project: Project) -> None:
    selector = f"labelSelector={monitoring.DASHBOARD_LABEL}%3D{monitoring.DASHBOARD_LABEL_VALUE}"
    path = f"/api/v1/namespaces/{monitoring.NAMESPACE}/configmaps"
    uids = []
    for config_map in project.kube.items(f"{path}?{selector}"):
        assert monitoring.FOLDER_ANNOTATION in config_map["metadata"]["annotations"]
        ((name, text),) = config_map["data"].items()
        uid = json.loads(text)["uid"]
        assert name == f"{uid}.json"
        uids.append(uid)
    shown = json.loads(project.pulumi("stack", "output", "--json").stdout)["dashboards"]
    assert sorted(uids) == sorted(shown)
    assert uids


def test_metrics_of_the_operator_itself_are_scraped(project: Project) -> None:
    """Its own ServiceMonitors lack the label, and alerts on what it says could never fire."""
    monitors = project.kube.items(
        f"/apis/monitoring.coreos.com/v1/namespaces/{gpu_operator.NAMESPACE}/servicemonitors"
    )
    found = {
        (monitor["spec"]["selector"]["matchLabels"].get("app"), endpoint["port"])
        for monitor in monitors
        for endpoint in monitor["spec"]["endpoints"]
    }
    assert found >= {
        ("gpu-operator", "gpu-operator-metrics"),
        ("nvidia-node-status-exporter", "node-status"),
    }


def test_kubernetes_provider_uses_the_kubeconfig_of_the_cluster(project: Project) -> None:
    shown = project.pulumi("stack", "output", "kubeconfig", "--show-secrets")
    kubeconfig = json.loads(shown.stdout)
    assert kubeconfig["clusters"][0]["cluster"]["server"] == project.sandbox.endpoints.kube_server
    assert kubeconfig["users"][0]["user"]["exec"]["command"] == "aws"

    hidden = project.pulumi("stack", "output", "--json")
    assert json.loads(hidden.stdout)["kubeconfig"] == "[secret]"

    (provider,) = (r for r in project.state() if r["type"] == "pulumi:providers:kubernetes")
    assert "clusterIdentifier" in provider["inputs"]


def test_a_second_up_changes_nothing(project: Project) -> None:
    result = project.up("--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr


def test_refresh_finds_no_drift(project: Project) -> None:
    result = project.pulumi("refresh", "--preview-only", "--expect-no-changes")
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_new_release_replaces_nothing(project: Project) -> None:
    project.change("model_server", image=f"vllm/vllm-openai@sha256:{'4' * 64}")
    project.change("alerts", vllm={"kv_cache_usage_ratio": 0.85})
    project.change("gpu_node_group", ami_release_version="1.35.2-20261101")
    preview = project.preview("--json", policies=False)
    assert preview.returncode == 0, preview.stderr
    steps = json.loads(preview.stdout)["steps"]
    changed = {s["urn"].rsplit("::", 2)[-2:][0]: s["op"] for s in steps if s["op"] != "same"}
    operations = {s["op"] for s in steps}
    assert operations == {"same", "update"}, changed
    updated = {s["newState"]["type"] for s in steps if s["op"] == "update"}
    assert updated == {
        "aws:eks/nodeGroup:NodeGroup",
        "kubernetes:apps/v1:Deployment",
        # The dashboards, which show the alerts' limits.
        "kubernetes:core/v1:ConfigMap",
        "kubernetes:monitoring.coreos.com/v1:PrometheusRule",
    }


def test_other_stacks_protect_what_must_not_be_lost(project: Project) -> None:
    for stack in ("dev", "staging", "prod"):
        project.pulumi("stack", "select", "--create", stack=stack)
        preview = project.preview("--json", stack=stack)
        assert preview.returncode == 0, preview.stdout + preview.stderr
        states = [step["newState"] for step in json.loads(preview.stdout)["steps"]]
        protected = {state["type"] for state in states if state.get("protect")}
        weights = {"aws:s3/bucket:Bucket"} if stack == "prod" else set()
        assert protected == PROTECTED_IN_REAL_STACKS | weights, stack


def test_the_model_server_is_sized_by_its_settings(project: Project) -> None:
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
    (deployment,) = project.kube.items(path)
    spec = deployment["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    resources = container["resources"]
    assert resources["limits"] == resources["requests"]
    assert resources["limits"]["memory"] == "640Gi"
    assert {"name": "shm", "mountPath": "/dev/shm"} in container["volumeMounts"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    probe = container["startupProbe"]
    # 93.4 GB at 200 MiB/s are 446 s, and 900 s to initialise: less than the least budget.
    assert probe["periodSeconds"] * probe["failureThreshold"] == LEAST_S
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
