"""Prometheus selects every rule and monitor that the program declares, and each finds a target.

A rule that is not selected, and a monitor that selects no Service, is silent for ever.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from components.monitoring import RELEASE_LABEL
from tests.components.declared import Declared, declared
from tests.components.prometheus_selection import KINDS, LabelSelector, Selection, matches

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pulumi_aws.*")

STACKS: Mapping[str, Mapping[str, object]] = {
    "an engine on one node": {},
    "an engine across nodes": {
        "image": f"registry.example.com/vllm-efa@sha256:{'5' * 64}",
        "engine": {"kind": "vllm", "pipeline_parallel_size": 2, "efa_installer": "1.51.0"},
    },
}
"""What of stack `local`'s model server is changed; a further kind of monitor is a further line."""

LABELS = {"app": "moe", "tier": "gpu"}

OF_THE_GPU_OPERATOR: dict[str, str] = {
    "nvidia-dcgm-exporter": "gpu-metrics",
    "gpu-operator": "gpu-operator-metrics",
    "nvidia-node-status-exporter": "node-status",
}
"""Services that it makes, each with this value of label `app`, and the names of their ports
(NVIDIA/gpu-operator, assets/state-*/*_service.yaml)."""


@cache
def program(stack: str) -> list[Declared]:
    return declared(STACKS[stack])


def of_kind(stack: str, *kinds: str) -> list[Declared]:
    return [each for each in program(stack) if each.kind in kinds]


def values_of(stack: str, release: str) -> Mapping[str, Any]:
    (found,) = (
        each.inputs["values"]
        for each in program(stack)
        if each.type == "kubernetes:helm.sh/v3:Release" and each.name == release
    )
    values: Mapping[str, Any] = found
    return values


def namespace_labels(stack: str, name: str) -> dict[str, str]:
    found = [each for each in of_kind(stack, "Namespace") if each.metadata_name == name]
    own = found[0].labels if found else {}
    # Kubernetes gives every namespace this one.
    return {**own, "kubernetes.io/metadata.name": name}


def expression(key: str, how: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": how, "values": list(values)}]}


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": None}, True),
        ({"matchLabels": {"app": "moe"}}, True),
        ({"matchLabels": {"app": "moe", "tier": "cpu"}}, False),
        ({"matchLabels": {"stage": "1"}}, False),
        (expression("app", "In", "dense", "moe"), True),
        (expression("app", "In", "dense"), False),
        (expression("stage", "In", "1"), False),
        (expression("app", "NotIn", "moe"), False),
        (expression("stage", "NotIn", "1"), True),
        (expression("app", "Exists"), True),
        (expression("stage", "Exists"), False),
        (expression("stage", "DoesNotExist"), True),
        ({"matchLabels": {"app": "moe"}, **expression("stage", "Exists")}, False),
    ],
)
def test_selectors_mean_what_kubernetes_says(selector: LabelSelector, selected: bool) -> None:
    assert matches(selector, LABELS) is selected


def test_an_empty_selector_in_the_values_is_not_all_but_the_release() -> None:
    def selects(**spec: object) -> bool:
        chosen = Selection.of_chart({"prometheus": {"prometheusSpec": spec}}, "prom")
        return chosen.selects("Probe", {"app": "moe"}, {"team": "search"})

    assert not selects()
    assert not selects(probeSelector={})
    assert selects(probeSelector={}, probeSelectorNilUsesHelmValues=False)
    assert selects(probeSelector={"matchLabels": {"app": "moe"}})
    assert not selects(
        probeSelector={"matchLabels": {"app": "moe"}},
        probeNamespaceSelector={"matchLabels": {"team": "ads"}},
    )


@pytest.mark.parametrize("stack", STACKS)
def test_prometheus_selects_all_that_the_program_declares(stack: str) -> None:
    selection = Selection.of_chart(values_of(stack, "monitoring"), release="another-name")
    objects = of_kind(stack, *KINDS)
    assert {each.kind for each in objects} >= {"PrometheusRule", "ServiceMonitor"}
    assert stack != "an engine across nodes" or "PodMonitor" in {each.kind for each in objects}
    for each in objects:
        around = namespace_labels(stack, each.namespace)
        assert selection.selects(each.kind, each.labels, around), f"{each.kind} {each.name}"
        unlabelled = {k: v for k, v in each.labels.items() if k not in RELEASE_LABEL}
        assert not selection.selects(each.kind, unlabelled, around)


@pytest.mark.parametrize("stack", STACKS)
def test_the_monitor_of_dcgm_gets_the_label_through_the_operators_values(stack: str) -> None:
    monitor = values_of(stack, "gpu-operator")["dcgmExporter"]["serviceMonitor"]
    selection = Selection.of_chart(values_of(stack, "monitoring"), release="another-name")
    # The operator adds its own label.
    labels = {"app": "nvidia-dcgm-exporter", **monitor["additionalLabels"]}
    assert monitor["enabled"] is True
    assert selection.selects("ServiceMonitor", labels, namespace_labels(stack, "gpu-operator"))


@pytest.mark.parametrize("stack", STACKS)
def test_every_service_monitor_finds_a_service_with_its_port(stack: str) -> None:
    for monitor in of_kind(stack, "ServiceMonitor"):
        found = [
            ports
            for namespace, labels, ports in services(stack)
            if namespace in watched_namespaces(monitor)
            and matches(monitor.inputs["spec"]["selector"], labels)
        ]
        assert found, monitor.name
        for endpoint in monitor.inputs["spec"]["endpoints"]:
            assert any(endpoint["port"] in ports for ports in found), monitor.name


@pytest.mark.parametrize("stack", STACKS)
def test_every_service_and_pod_monitor_finds_pods_with_its_ports(stack: str) -> None:
    for service in of_kind(stack, "Service"):
        ports = {each["targetPort"] for each in service.inputs["spec"]["ports"]}
        selector = {"matchLabels": service.inputs["spec"]["selector"]}
        assert ports <= set(ports_of_pods(stack, service.namespace, selector)), service.name
    for monitor in of_kind(stack, "PodMonitor"):
        spec = monitor.inputs["spec"]
        ports = {each["port"] for each in spec["podMetricsEndpoints"]}
        assert ports <= set(ports_of_pods(stack, monitor.namespace, spec["selector"])), monitor.name


def watched_namespaces(monitor: Declared) -> set[str]:
    """Without a selector of namespaces, its own."""
    chosen = monitor.inputs["spec"].get("namespaceSelector", {})
    return set(chosen.get("matchNames", [monitor.namespace]))


def services(stack: str) -> Iterator[tuple[str, Mapping[str, str], set[str]]]:
    """Namespace, labels, and names of ports: of the program's, and of the GPU operator's."""
    for service in of_kind(stack, "Service"):
        ports = {each["name"] for each in service.inputs["spec"]["ports"]}
        yield service.namespace, service.labels, ports
    for app, port in OF_THE_GPU_OPERATOR.items():
        yield "gpu-operator", {"app": app}, {port}


def ports_of_pods(stack: str, namespace: str, selector: LabelSelector) -> Iterator[str]:
    """Names of the ports of all pods that are selected."""
    for workload in of_kind(stack, "Deployment", "DaemonSet", "LeaderWorkerSet"):
        spec = workload.inputs["spec"]
        group = spec.get("leaderWorkerTemplate", {})
        templates = [spec.get("template"), group.get("leaderTemplate"), group.get("workerTemplate")]
        for pod in filter(None, templates):
            if workload.namespace == namespace and matches(selector, pod["metadata"]["labels"]):
                for container in pod["spec"]["containers"]:
                    yield from (port["name"] for port in container.get("ports") or ())
