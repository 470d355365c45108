"""A taint of the user's: what must run on the GPU nodes still does, on the real scheduler.

A DaemonSet that does not tolerate it would stand at zero pods without an error
(k8s-device-plugin#1934, aws-efa-eks#3).
"""

from typing import Any

import pytest

from catalog import gpu_nodes
from sandbox.summary import summarize
from stacks import reading
from tests.engine.conftest import Project

ON_EVERY_GPU_NODE = (
    "nvidia-device-plugin-daemonset",
    "gpu-feature-discovery",
    "nvidia-dcgm-exporter",
    "nvidia-node-status-exporter",
    "gpu-operator-node-feature-discovery-worker",
    "aws-efa-k8s-device-plugin",
    "kube-prometheus-stack-prometheus-node-exporter",
)


def gpu_nodes_of(project: Project) -> list[dict[str, Any]]:
    nodes = project.kube.items("/api/v1/nodes")
    return [node for node in nodes if gpu_nodes.GPU_RESOURCE in node["status"]["allocatable"]]


def running_on(project: Project, prefix: str) -> set[str]:
    pods: list[dict[str, Any]] = project.kube.items("/api/v1/pods")
    return {
        pod["spec"]["nodeName"]
        for pod in pods
        if pod["metadata"]["name"].startswith(prefix) and pod["status"]["phase"] == "Running"
    }


@pytest.mark.parametrize("effect", ["NoSchedule", "NoExecute"])
def test_everything_that_must_run_there_tolerates_it(project: Project, effect: str) -> None:
    taint = {"key": "example.com/team", "value": "search", "effect": effect}
    project.change("gpu_node_group", taints=[taint])
    try:
        up = project.up()
        assert up.returncode == 0, up.stdout + up.stderr

        nodes = gpu_nodes_of(project)
        assert all(taint in node["spec"]["taints"] for node in nodes)
        names = {node["metadata"]["name"] for node in nodes}
        for workload in ON_EVERY_GPU_NODE:
            assert running_on(project, workload) >= names, workload
        (model,) = summarize(project.kube, reading.from_file("local")).models
        assert model.ready == model.desired == 1
    finally:
        project.restore()
        assert project.up().returncode == 0
