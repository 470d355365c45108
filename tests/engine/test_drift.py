"""`moe drift` and its gates on the real engine: what it sees, what it cannot, what stops it."""

import base64
import gzip
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import drift as command
from cli import exit_codes
from cli.main import app
from promotion.drift import Drift, DriftOutcome, PropertyDrift, ResourceDrift, drift_of
from promotion.gate import Outcome
from promotion.gates.drift import TARGET, judge
from promotion.property_path import ABSENT, SECRET
from promotion.pulumi_stack import PulumiStack
from sandbox import lifecycle
from sandbox.lifecycle import stop
from sandbox.paths import SandboxPaths
from sandbox.processes import ProcessTable
from sandbox.reporter import SilentReporter
from tests.engine.conftest import Project, new_project
from tests.engine.test_faults import begin_up, client, kill_engine, wait_for

BY_HAND = f"vllm/vllm-openai@sha256:{'9' * 64}"
FIRST_TOKEN, OTHER_TOKEN = (base64.b64encode(word).decode() for word in (b"hunter2", b"swordfish"))
WITH_A_SECRET = f"""
kubernetes.core.v1.Secret(
    "token",
    metadata={{"name": "token", "namespace": "default"}},
    data={{"value": pulumi.Output.secret("{FIRST_TOKEN}")}},
    opts=in_cluster(),
)
"""


def of(project: Project, **more: str) -> PulumiStack:
    return PulumiStack("local", project.folder, {**project.sandbox.environment(), **more})


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A stack of this module's own: other tests would find what is changed here."""
    folder = tmp_path_factory.mktemp("drift")
    project = new_project(folder)
    try:
        project.append_to_program(WITH_A_SECRET)
        up = project.pulumi("up", "--yes", "--skip-preview")
        assert up.returncode == 0, up.stdout + up.stderr
        yield project
    finally:
        stop(purge=True, reporter=SilentReporter(), paths=SandboxPaths(folder))


@pytest.fixture(scope="module")
def before(deployed: Project) -> Drift:
    """Before anybody has changed anything."""
    return drift_of(of(deployed))


@pytest.fixture(scope="module")
def after(deployed: Project, before: Drift) -> Drift:
    """After changes by kubectl, helm and the AWS console."""
    _edit_the_deployment(deployed)
    _edit_what_helm_made(deployed)
    _upgrade_by_helm(deployed)
    namespace = "/apis/monitoring.coreos.com/v1/namespaces/monitoring"
    deployed.kube.request("DELETE", f"{namespace}/prometheusrules/vllm-kv-cache-usage")
    secret = deployed.kube.request("GET", "/api/v1/namespaces/default/secrets/token")
    secret["data"]["value"] = OTHER_TOKEN
    deployed.kube.request("PUT", "/api/v1/namespaces/default/secrets/token", secret)
    _edit_the_node_group(deployed)
    return drift_of(of(deployed))


def _deployment(project: Project, namespace: str) -> tuple[str, dict[str, Any]]:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    (found,) = project.kube.items(path)
    return f"{path}/{found['metadata']['name']}", found


def _edit_the_deployment(project: Project) -> None:
    path, found = _deployment(project, "model-serving")
    container = found["spec"]["template"]["spec"]["containers"][0]
    container["image"] = BY_HAND
    container["env"].append({"name": "BY_HAND", "value": "1"})
    found["metadata"]["labels"]["by"] = "hand"
    project.kube.request("PUT", path, found)


def _edit_what_helm_made(project: Project) -> None:
    path, found = _deployment(project, "gpu-operator")
    found["spec"]["template"]["spec"]["containers"][0]["image"] = BY_HAND
    project.kube.request("PUT", path, found)


def _upgrade_by_helm(project: Project) -> None:
    """As `helm upgrade --set` leaves it: one more revision, with other values."""
    secrets = "/api/v1/namespaces/kube-system/secrets"
    (record,) = project.kube.items(f"{secrets}?labelSelector=owner%3Dhelm")
    packed = base64.b64decode(base64.b64decode(record["data"]["release"]))
    release = json.loads(gzip.decompress(packed))
    release["version"] = 2
    release["config"]["nodeSelector"] = {"moe-serving/node": "another"}
    release["config"]["added"] = True
    packed = base64.b64encode(gzip.compress(json.dumps(release).encode()))
    metadata = {
        "name": record["metadata"]["name"].removesuffix("v1") + "v2",
        "labels": {**record["metadata"]["labels"], "version": "2"},
    }
    data = {"release": base64.b64encode(packed).decode()}
    body = {"type": record["type"], "metadata": metadata, "data": data}
    project.kube.request("POST", secrets, {"apiVersion": "v1", "kind": "Secret", **body})


def _edit_the_node_group(project: Project) -> None:
    eks, ec2 = client(project, "eks"), client(project, "ec2")
    names = eks.list_nodegroups(clusterName="moe-local")["nodegroups"]
    (name,) = (each for each in names if "gpu" in each)
    eks.update_nodegroup_config(
        clusterName="moe-local",
        nodegroupName=name,
        scalingConfig={"minSize": 1, "maxSize": 5, "desiredSize": 2},
        labels={"addOrUpdateLabels": {"by": "hand"}},
    )
    templates = ec2.describe_launch_templates()["LaunchTemplates"]
    (template,) = (each for each in templates if "gpu" in each["LaunchTemplateName"])
    ec2.create_launch_template_version(
        LaunchTemplateId=template["LaunchTemplateId"],
        SourceVersion="1",
        LaunchTemplateData={"MetadataOptions": {"HttpTokens": "optional"}},
    )


def test_what_was_just_brought_up_is_as_recorded(before: Drift) -> None:
    assert before == Drift("local", DriftOutcome.NONE, [], resources=before.resources)
    assert before.resources > 50
    assert judge(TARGET, before).outcome is Outcome.PASSED


def _changed(drift: Drift) -> Mapping[tuple[str, str], ResourceDrift]:
    return {(each.type.rsplit(":", 1)[-1], each.name): each for each in drift.changes}


def test_nothing_is_told_but_what_was_changed(after: Drift) -> None:
    assert after.outcome is DriftOutcome.DRIFTED, after.reason
    assert set(_changed(after)) == {
        ("Deployment", "model-server"),
        ("LaunchTemplate", "moe-local-gpu"),
        ("NodeGroup", "moe-local-gpu"),
        ("PrometheusRule", "alerts"),
        ("Release", "gpu-operator-efa"),
        ("Secret", "token"),
    }
    assert judge(TARGET, after).outcome is Outcome.FAILED


def test_an_image_by_kubectl_is_named_before_and_after(after: Drift, deployed: Project) -> None:
    """What kubectl added is not: the provider reads only what the program has set."""
    (change,) = _changed(after)["Deployment", "model-server"].properties
    assert change.path == "spec.template.spec.containers[0].image"
    assert change.now == BY_HAND
    assert change.recorded != BY_HAND


def test_an_alert_rule_that_somebody_deleted_is_gone(after: Drift) -> None:
    assert _changed(after)["PrometheusRule", "alerts"].is_gone


def test_changes_by_the_aws_console_are_seen(after: Drift) -> None:
    changed = _changed(after)
    assert changed["NodeGroup", "moe-local-gpu"].properties == (
        PropertyDrift("labels.by", "add", ABSENT, "hand"),
        PropertyDrift("scalingConfig.maxSize", "update", 2, 5),
    )
    assert changed["LaunchTemplate", "moe-local-gpu"].properties == (
        PropertyDrift("metadataOptions.httpTokens", "update", "required", "optional"),
    )


def test_of_helm_only_values_that_the_program_sets_are_seen(after: Drift) -> None:
    """Neither values that were added nor what the chart made, as gpu-operator's Deployment."""
    (change,) = _changed(after)["Release", "gpu-operator-efa"].properties
    assert change.path.startswith("values.nodeSelector")
    assert (change.recorded, change.now) == ("gpu", "another")


def test_of_a_secret_it_is_told_that_it_differs_and_no_more(after: Drift) -> None:
    (change,) = _changed(after)["Secret", "token"].properties
    assert change == PropertyDrift("data.value", "update", SECRET, SECRET)


def _moe(
    monkeypatch: pytest.MonkeyPatch, project: Project, *arguments: str
) -> tuple[int, str, str]:
    for name, value in project.sandbox.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(command, "PACKAGE_ROOT", project.folder)
    result = CliRunner().invoke(app, ["drift", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_all_stacks_are_told_with_those_that_nobody_deployed(
    monkeypatch: pytest.MonkeyPatch, deployed: Project, after: Drift
) -> None:
    code, printed, told = _moe(monkeypatch, deployed, "all", "--json")
    assert code == exit_codes.REFUSED, printed + told
    document = json.loads(printed)
    assert {each["stack"]: each["outcome"] for each in document["stacks"]} == {
        "dev": "never deployed",
        "local": "drifted",
        "prod": "never deployed",
        "staging": "never deployed",
    }
    assert document["error"] is None
    for token in (FIRST_TOKEN, OTHER_TOKEN):
        assert token not in printed + told
    (local,) = (each for each in document["stacks"] if each["stack"] == "local")
    assert {each["urn"] for each in local["changes"]} == {each.urn for each in after.changes}


def test_where_nothing_is_deployed_there_is_nothing_to_do(
    monkeypatch: pytest.MonkeyPatch, deployed: Project
) -> None:
    assert _moe(monkeypatch, deployed, "dev", "prod")[0] == exit_codes.NOTHING_TO_DO


def test_a_stack_that_the_backend_does_not_know_was_never_deployed(deployed: Project) -> None:
    stack = PulumiStack("nowhere", deployed.folder, deployed.sandbox.environment())
    assert drift_of(stack).outcome is DriftOutcome.NEVER_DEPLOYED


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PATH", "/nonexistent", "pulumi is not on PATH"),
        ("PULUMI_BACKEND_URL", "file:///nonexistent", "its state cannot be read"),
    ],
)
def test_what_cannot_be_asked_is_an_error(
    deployed: Project, name: str, value: str, says: str
) -> None:
    drift = drift_of(of(deployed, **{name: value}))
    assert drift.outcome is DriftOutcome.ERROR
    assert says in drift.reason
    assert judge(TARGET, drift).outcome is Outcome.COULD_NOT_CHECK


@pytest.mark.parametrize("answer_for_it", ["SKIP_UPDATE", "DELETE"])
def test_a_provider_that_answers_for_a_cluster_it_cannot_reach_is_not_believed(
    deployed: Project, tmp_path: Path, answer_for_it: str
) -> None:
    """The engine ends with 0 then, and says that all is as recorded, or that all is gone."""
    aws = tmp_path / "aws"
    aws.write_text("#!/bin/sh\necho 'Unable to locate credentials' >&2\nexit 255\n")
    aws.chmod(0o755)
    path = f"{tmp_path}:{deployed.sandbox.environment()['PATH']}"
    stack = of(deployed, PATH=path, **{f"PULUMI_K8S_{answer_for_it}_UNREACHABLE": "true"})
    assert stack.refresh_preview().exit_code == 0
    drift = drift_of(stack)
    assert drift.outcome is DriftOutcome.ERROR
    assert "executable aws failed" in drift.reason


def test_without_a_control_plane_nobody_knows(deployed: Project) -> None:
    paths = deployed.sandbox.paths
    ProcessTable(paths.processes, paths.state).stop("kube-apiserver", 15)
    try:
        drift = drift_of(of(deployed))
    finally:
        lifecycle.start(SilentReporter(), paths)
    assert drift.outcome is DriftOutcome.ERROR
    assert "connection refused" in drift.reason


def test_an_update_that_runs_or_was_killed_is_to_be_finished_first(deployed: Project) -> None:
    paths = deployed.sandbox.paths
    # Without kubelets the new pods are never ready, and the update stays in its middle.
    ProcessTable(paths.processes, paths.state).stop("kwok", 15)
    deployed.change("model_server", image=f"vllm/vllm-openai@sha256:{'4' * 64}")
    process = begin_up(deployed)
    try:
        wait_for(process, "Deployment model-server updating")
        deadline = time.monotonic() + 60
        while not ((state := of(deployed).state()) and state.pending_operations):
            assert time.monotonic() < deadline
        running = drift_of(of(deployed))
    finally:
        kill_engine(process)
    killed = drift_of(of(deployed))
    for drift in (running, killed):
        assert drift.outcome is DriftOutcome.ERROR
        assert "updating model-server" in drift.reason

    lifecycle.start(SilentReporter(), paths)
    deployed.pulumi("cancel", "--yes")
    finished = deployed.pulumi("up", "--yes", "--skip-preview")
    assert finished.returncode == 0, finished.stdout
    assert drift_of(of(deployed)).outcome is not DriftOutcome.ERROR
