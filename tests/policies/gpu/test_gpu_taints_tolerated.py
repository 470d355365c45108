from collections.abc import Mapping
from typing import Any

import pytest
from pulumi_policy import PolicyResource

from catalog.gpu_nodes import NODE_SELECTOR, TOLERATION
from policies.availability import helm_release_timeout
from policies.aws.node_groups import NODE_GROUP
from policies.gpu.gpu_taints_tolerated import POLICY
from policies.kubernetes.helm_releases import RELEASE
from tests.policies.efa_stack import GPU_TAINT, Stack, interface
from tests.policies.engine_input import (
    DEPLOYMENT,
    TYPES,
    UNKNOWN,
    Said,
    check,
    check_stack,
    deployment,
    pod,
    resource,
    server,
    workload,
)

OURS = {"key": "team", "value": "search", "effect": "NO_SCHEDULE"}
TOLERATES_OURS = {"key": "team", "operator": "Equal", "value": "search", "effect": "NoSchedule"}
BOTH = [dict(TOLERATION), TOLERATES_OURS]
WITHOUT_EFA = [interface(0, 0, "interface")]


def release(chart: str, values: Any = None, **props: Any) -> PolicyResource:
    name = chart.rstrip("/").rsplit("/", 1)[-1]
    return resource(RELEASE, name, {"chart": chart, "values": values, **props})


def operator(daemonsets: Any, discovery: Any) -> dict[str, Any]:
    return {
        "daemonsets": {"tolerations": daemonsets},
        "node-feature-discovery": {"worker": {"tolerations": discovery}},
    }


def group(name: str, taints: Any, types: Any = ("p4d.24xlarge",), **props: Any) -> PolicyResource:
    given = {"instanceTypes": list(types), "taints": taints, **props}
    return resource(NODE_GROUP, name, {"labels": dict(NODE_SELECTOR)} | given)


def pods(tolerations: Any, *groups: PolicyResource, **spec: Any) -> Said:
    fields = {"nodeSelector": dict(NODE_SELECTOR), "tolerations": tolerations, **spec}
    return check_stack(
        POLICY, [*groups, resource(DEPLOYMENT, "model-server", deployment(server(), **fields))]
    )


def charts(*releases: PolicyResource, **given: Any) -> Said:
    return check_stack(POLICY, [*Stack(**given).resources, *releases])


@pytest.mark.parametrize("created", [True, False])
def test_the_components_are_allowed(created: bool) -> None:
    taints = {"taints": [GPU_TAINT, OURS]}
    server_ = deployment(server(), nodeSelector=dict(NODE_SELECTOR), tolerations=BOTH)
    said = check_stack(
        POLICY,
        [
            *Stack(created=created, node_group=taints).resources,
            resource(DEPLOYMENT, "model-server", server_),
            release("/charts/gpu-operator", operator(BOTH, BOTH)),
            release("aws-efa-k8s-device-plugin", {"tolerations": BOTH}),
        ],
    )
    assert said.nothing


@pytest.mark.parametrize(
    "tolerations", [None, [], [TOLERATES_OURS], [dict(TOLERATION) | {"effect": "NoExecute"}]]
)
def test_a_server_that_cannot_run_on_its_nodes_is_refused(tolerations: object) -> None:
    said = pods(tolerations, group("gpu", [GPU_TAINT])).only()
    assert said.startswith('Deployment "model-server", container "vllm": found no toleration of ')
    assert 'nvidia.com/gpu=present:NoSchedule of node group "gpu"' in said
    assert "fix: add them to tolerations of the pod" in said


def test_every_taint_of_a_group_has_to_be_tolerated() -> None:
    both = group("gpu", [GPU_TAINT, OURS])
    assert pods(BOTH, both).nothing
    said = pods([dict(TOLERATION)], both).only()
    assert 'found no toleration of team=search:NoSchedule of node group "gpu"' in said


def test_taints_keep_a_server_off_one_group_while_another_takes_it() -> None:
    ours, theirs = group("ours", [GPU_TAINT]), group("theirs", [GPU_TAINT, OURS])
    assert pods([dict(TOLERATION)], theirs, ours).nothing
    said = pods([], theirs, ours).only()
    assert 'of node group "theirs", nor nvidia.com/gpu=present:NoSchedule of node' in said


def test_a_group_that_the_selector_rules_out_does_not_count() -> None:
    elsewhere = group("elsewhere", [], labels={"moe-serving/node": "batch"})
    assert '"gpu"' in pods([], elsewhere, group("gpu", [GPU_TAINT])).only()
    assert pods([], elsewhere).nothing
    large = {"nodeSelector": {"node.kubernetes.io/instance-type": "p4de.24xlarge"}}
    assert pods([], group("gpu", [GPU_TAINT]), **large).nothing


def test_nodes_without_gpus_do_not_count() -> None:
    assert pods([], group("system", [OURS], ["m6i.xlarge"])).nothing
    assert pods([], group("system", [], ["m6i.xlarge"]), group("gpu", [GPU_TAINT])).refusals


@pytest.mark.parametrize("effect", ["PREFER_NO_SCHEDULE", None, "", {}, 7])
def test_what_keeps_no_pod_away_needs_no_toleration(effect: object) -> None:
    assert pods([], group("gpu", [OURS | {"effect": effect}])).nothing


def test_no_execute_needs_a_toleration_that_does_not_end() -> None:
    nodes = group("gpu", [OURS | {"effect": "NO_EXECUTE"}])
    stays = {"key": "team", "operator": "Exists"}
    assert pods([stays], nodes).nothing
    assert "team=search:NoExecute" in pods([stays | {"tolerationSeconds": 60}], nodes).only()


def test_a_taint_that_an_agent_takes_off_again_needs_none() -> None:
    starting = {"key": "ebs.csi.aws.com/agent-not-ready", "effect": "NO_EXECUTE"}
    assert pods([], group("gpu", [starting])).nothing


@pytest.mark.parametrize("kind", TYPES)
def test_every_kind_of_workload(kind: str) -> None:
    props = workload(kind, pod(server(), {"name": "exporter", "image": "exporter:1"}))
    said = check_stack(POLICY, [group("gpu", [GPU_TAINT]), resource(TYPES[kind], "moe", props)])
    assert f'{kind} "moe"' in said.only()


def test_a_patch_may_leave_tolerations_out() -> None:
    patch = f"{TYPES['Deployment']}Patch"
    member = resource(patch, "moe", deployment(server()))
    assert check_stack(POLICY, [group("gpu", [GPU_TAINT]), member]).nothing


def test_the_charts_own_defaults_tolerate_the_gpu_taint_alone() -> None:
    assert charts(release("gpu-operator")).nothing
    said = charts(release("gpu-operator"), node_group={"taints": [GPU_TAINT, OURS]})
    daemonsets, discovery = said.refusals
    assert daemonsets.startswith('Release "gpu-operator": found no toleration of team=search:NoSch')
    assert 'of node group "gpu" for its daemonsets' in daemonsets
    assert "fix: add them to values.daemonsets.tolerations" in daemonsets
    assert "for the workers of node feature discovery" in discovery
    assert "values.node-feature-discovery.worker.tolerations" in discovery


def test_values_replace_the_defaults_of_the_operator() -> None:
    assert len(charts(release("gpu-operator", operator([], []))).refusals) == 2
    assert "for its daemonsets" in charts(release("gpu-operator", operator([], BOTH))).only()
    assert "discovery" in charts(release("gpu-operator", operator(BOTH, []))).only()


def test_node_feature_discovery_that_is_off_has_no_workers() -> None:
    values = operator(BOTH, []) | {"nfd": {"enabled": False}}
    assert charts(release("gpu-operator", values)).nothing


def test_the_efa_plugin_tolerates_nothing_by_default() -> None:
    said = charts(release("aws-efa-k8s-device-plugin")).only()
    assert said.startswith('Release "aws-efa-k8s-device-plugin": found no toleration of nvidia.com')
    assert "fix: add them to values.tolerations" in said


def test_the_efa_plugin_has_to_run_where_there_is_efa() -> None:
    assert charts(release("aws-efa-k8s-device-plugin"), interfaces=WITHOUT_EFA).nothing


@pytest.mark.parametrize(
    "chart",
    [
        "gpu-operator",
        "/mirror/gpu-operator",
        "./gpu-operator/",
        "oci://registry.example.com/charts/gpu-operator",
        "https://example.com/gpu-operator-v26.7.0.tgz",
    ],
)
def test_a_chart_is_known_wherever_it_comes_from(chart: str) -> None:
    assert charts(release(chart, operator([], BOTH))).refusals


@pytest.mark.parametrize("chart", ["my-gpu-operator", "gpu-operator-extras", "prometheus", "/"])
def test_other_charts_are_none_of_its_business(chart: str) -> None:
    assert charts(release(chart, operator([], []))).nothing


def test_what_a_file_of_values_may_say_is_said_to_be_unchecked() -> None:
    files = {"valueYamlFiles": ["values.yaml"]}
    said = charts(release("gpu-operator", **files))
    assert not said.refusals
    assert "daemonsets.tolerations may be set by a file of valueYamlFiles" in said.unchecked[0]
    assert charts(release("gpu-operator", operator([], []), **files)).refusals


@pytest.mark.parametrize(
    ("taints", "tolerations", "unknown"),
    [
        (UNKNOWN, [], "taints"),
        ([UNKNOWN], [], "taints.0"),
        ([GPU_TAINT | {"effect": UNKNOWN}], [], "effect"),
        ([GPU_TAINT], UNKNOWN, "tolerations"),
        ([GPU_TAINT], [TOLERATES_OURS, UNKNOWN], "tolerations.1"),
    ],
)
def test_an_unknown_of_a_server_is_said_to_be_unchecked(
    taints: Any, tolerations: Any, unknown: str
) -> None:
    said = pods(tolerations, group("gpu", taints))
    assert not said.refusals
    assert f"{unknown} can't be known" in said.unchecked[0]


@pytest.mark.parametrize(
    ("values", "unknown"),
    [
        (UNKNOWN, "values"),
        (operator([UNKNOWN], BOTH), "tolerations.0"),
        (operator(BOTH, UNKNOWN), "tolerations"),
    ],
)
def test_an_unknown_of_a_chart_is_said_to_be_unchecked(values: Any, unknown: str) -> None:
    said = charts(release("gpu-operator", values))
    assert not said.refusals
    assert f"{unknown} can't be known" in said.unchecked[0]


def test_a_first_preview_is_judged_by_what_was_declared() -> None:
    """The provider of the cluster is not configured yet: releases have no outputs."""
    settles: Mapping[str, Any] = {"chart": "gpu-operator", "timeout": 900, "atomic": True}
    check(
        helm_release_timeout.POLICY,
        {**settles, "values": operator([], BOTH)},
        resource_type=RELEASE,
        name="gpu-operator",
    )
    assert charts(resource(RELEASE, "gpu-operator", {})).refusals
    said = charts(resource(RELEASE, "never-seen", {}))
    assert 'Release "never-seen": the engine gave none of its properties' in said.unchecked
