"""What the Prometheus of the real cluster selects, and whether it finds what to scrape."""

import time
from http import HTTPStatus
from typing import Any

import pytest

from sandbox.control_plane.kube_api import KubeApiError
from tests.components.prometheus_selection import KINDS, Selection, matches
from tests.engine.conftest import Project

GROUP = "/apis/monitoring.coreos.com/v1"


@pytest.fixture
def selection(project: Project) -> Selection:
    (prometheus,) = project.kube.items(f"{GROUP}/prometheuses")
    return Selection(prometheus["spec"])


def of_kind(project: Project, kind: str) -> list[dict[str, Any]]:
    """The API server answers 429 until it has made room for a kind that is new."""
    version = "v1alpha1" if kind == "ScrapeConfig" else "v1"
    path = f"/apis/monitoring.coreos.com/{version}/{kind.lower()}s"
    deadline = time.monotonic() + 60
    while True:
        try:
            return project.kube.items(path)
        except KubeApiError as error:
            if error.status != HTTPStatus.TOO_MANY_REQUESTS or time.monotonic() > deadline:
                raise
            time.sleep(0.3)


def test_every_rule_and_monitor_of_the_state_is_in_the_cluster_and_selected(
    project: Project, selection: Selection
) -> None:
    namespaces = {
        each["metadata"]["name"]: each["metadata"]["labels"]
        for each in project.kube.items("/api/v1/namespaces")
    }
    seen = set()
    for kind in KINDS:
        for each in of_kind(project, kind):
            metadata = each["metadata"]
            around = namespaces[metadata["namespace"]]
            assert selection.selects(kind, metadata.get("labels", {}), around), metadata["name"]
            seen.add((kind, metadata["namespace"], metadata["name"]))
    declared = {
        (each["outputs"]["kind"], metadata["namespace"], metadata["name"])
        for each in project.state()
        if each["type"].startswith("kubernetes:monitoring.coreos.com/")
        for metadata in (each["outputs"]["metadata"],)
    }
    assert ("PrometheusRule", "monitoring", "vllm-kv-cache-usage") in declared
    # The GPU operator makes the monitor of DCGM, and gets the label for it as a value.
    assert seen >= declared | {("ServiceMonitor", "gpu-operator", "nvidia-dcgm-exporter")}


def test_every_service_monitor_finds_a_service_with_its_port(project: Project) -> None:
    services = project.kube.items("/api/v1/services")
    for monitor in of_kind(project, "ServiceMonitor"):
        metadata, spec = monitor["metadata"], monitor["spec"]
        namespaces = spec.get("namespaceSelector", {}).get("matchNames", [metadata["namespace"]])
        ports = {
            port.get("name")
            for service in services
            if service["metadata"]["namespace"] in namespaces
            and matches(spec["selector"], service["metadata"].get("labels", {}))
            for port in service["spec"]["ports"]
        }
        assert {endpoint["port"] for endpoint in spec["endpoints"]} <= ports, metadata["name"]
