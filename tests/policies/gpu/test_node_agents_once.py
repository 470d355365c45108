from typing import Any

import pytest
from pulumi_policy import PolicyProviderResource, PolicyResource

from policies.gpu.node_agents_once import POLICY
from policies.kubernetes.helm_releases import RELEASE
from tests.policies.engine_input import (
    TYPES,
    UNKNOWN,
    check_stack,
    pod,
    proxied,
    resource,
    workload,
)

NVIDIA = "nvcr.io/nvidia/k8s-device-plugin:v0.17.0"
EFA = "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/aws-efa-k8s-device-plugin:v0.5.30"


def release(chart: Any, name: str = "", cluster: str = "one", **values: Any) -> PolicyResource:
    made = resource(RELEASE, name or str(chart), {"chart": chart, "values": values})
    return of_cluster(made, cluster)


def daemonset(image: Any, name: str = "by-hand", kind: str = "DaemonSet") -> PolicyResource:
    props = workload(kind, pod({"name": "main", "image": image}))
    return of_cluster(resource(TYPES[kind], name, props), "one")


def of_cluster(made: PolicyResource, cluster: str) -> PolicyResource:
    made.provider = PolicyProviderResource("pulumi:providers:kubernetes", proxied({}), cluster, "k")
    return made


OPERATOR = release("gpu-operator")
EFA_PLUGIN = release("aws-efa-k8s-device-plugin")


def test_our_own_are_once() -> None:
    assert check_stack(POLICY, [OPERATOR, EFA_PLUGIN]).nothing


@pytest.mark.parametrize(
    ("second", "agent"),
    [
        (release("nvidia-device-plugin"), "the NVIDIA device plugin"),
        (release("https://example.com/nvidia-device-plugin-0.17.0.tgz"), "the NVIDIA device"),
        (daemonset(NVIDIA), "the NVIDIA device plugin"),
        (release("dcgm-exporter"), "the DCGM exporter"),
        (daemonset("nvcr.io/nvidia/k8s/dcgm-exporter@sha256:33"), "the DCGM exporter"),
        (release("node-feature-discovery"), "node feature discovery"),
        (daemonset(EFA), "the EFA device plugin"),
        (release("aws-efa-k8s-device-plugin", "again"), "the EFA device plugin"),
    ],
)
def test_a_second_one_is_refused(second: PolicyResource, agent: str) -> None:
    said = check_stack(POLICY, [OPERATOR, EFA_PLUGIN, second]).only()
    assert f'"{second.name}"' in said
    assert f"found {agent}" in said
    assert "allowed: one on a node" in said


def test_a_part_that_is_off_is_none() -> None:
    off = release("gpu-operator", devicePlugin={"enabled": False}, gfd={"enabled": False})
    assert check_stack(POLICY, [off, release("nvidia-device-plugin")]).nothing
    assert check_stack(POLICY, [off, daemonset(NVIDIA)]).nothing
    both = release("nvidia-device-plugin", gfd={"enabled": True})
    assert check_stack(POLICY, [off, both]).nothing
    gfd_too = release("gpu-operator", devicePlugin={"enabled": False})
    assert "GPU feature discovery" in check_stack(POLICY, [gfd_too, both]).only()


def test_clusters_are_judged_by_themselves() -> None:
    assert check_stack(POLICY, [OPERATOR, release("gpu-operator", "two", "two")]).nothing
    # Each of the four parts is there twice.
    twice = check_stack(POLICY, [OPERATOR, release("gpu-operator", "two")])
    assert len(twice.refusals) == 4


@pytest.mark.parametrize(
    "member",
    [
        daemonset("example.com/my-k8s-device-plugin:1"),
        daemonset("example.com/k8s-device-plugin-docs:1"),
        daemonset(NVIDIA, kind="Deployment"),
        daemonset(None),
        release("cert-manager"),
        release(7),
    ],
)
def test_others_are_none(member: PolicyResource) -> None:
    assert check_stack(POLICY, [OPERATOR, member]).nothing


def test_a_patch_of_one_is_no_second_one() -> None:
    props = workload("DaemonSet", pod({"name": "main", "image": NVIDIA}))
    patch = of_cluster(resource("kubernetes:apps/v1:DaemonSetPatch", "patch", props), "one")
    assert check_stack(POLICY, [daemonset(NVIDIA), patch]).nothing


@pytest.mark.parametrize(
    "member",
    [
        release("gpu-operator", devicePlugin={"enabled": UNKNOWN}),
        release("gpu-operator", devicePlugin=UNKNOWN),
        release(UNKNOWN, "unknown"),
        daemonset(UNKNOWN),
    ],
)
def test_what_is_not_known_is_said(member: PolicyResource) -> None:
    said = check_stack(POLICY, [member])
    assert not said.refusals
    assert said.unchecked
