"""Prometheus as a part of a sandbox: started on demand, kept, repaired, fed by the cluster."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from sandbox.control_plane.kube_api import KubeApi, KubeApiError
from sandbox.lifecycle import Sandbox, attach, start, status, stop
from sandbox.monitoring import present
from sandbox.monitoring.processes import MONITORING_NAMES
from sandbox.monitoring.scenes import SCENES
from sandbox.paths import SandboxPaths
from sandbox.reporter import SilentReporter
from sandbox.toolchain.ensure import PrometheusTools
from tests.sandbox.conftest import eventually
from tests.sandbox.test_lifecycle import again, kill

SPEED = 60
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
OBJECTS = "/apis/monitoring.coreos.com/v1/namespaces/default"
LABELS = {"release": "kps"}


@pytest.fixture(scope="module")
def sandbox(
    prometheus_tools: PrometheusTools, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sandbox]:
    paths = SandboxPaths(tmp_path_factory.mktemp("sandbox"))
    try:
        yield start(SilentReporter(), paths, prometheus_speed=SPEED)
    finally:
        ended = stop(purge=True, reporter=SilentReporter(), paths=paths)
        assert set(MONITORING_NAMES) <= set(ended)
        assert not paths.state.exists()


def monitoring_object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "default", "labels": LABELS},
        "spec": spec,
    }


def rule(alert: str) -> dict[str, Any]:
    rules = [{"alert": alert, "expr": "vector(1)", "for": "1m", "labels": {"severity": "info"}}]
    spec = {"groups": [{"name": "of-a-test", "rules": rules}]}
    return monitoring_object("PrometheusRule", alert.lower(), spec)


def kinds_served(kube: KubeApi) -> set[str]:
    try:
        found = kube.request("GET", "/apis/monitoring.coreos.com/v1")
    except KubeApiError:
        return set()
    return {resource["kind"] for resource in found["resources"]}


def alerts(sandbox: Sandbox) -> set[tuple[str, str]]:
    found = present.monitoring(sandbox.endpoints, SPEED)
    return {(alert.name, alert.state) for alert in found.alerts}


def test_it_loads_what_the_cluster_selects_and_follows_it(sandbox: Sandbox) -> None:
    kube = KubeApi(sandbox.paths.admin_kubeconfig)
    for file in sandbox.tools.monitoring_crds_folder.glob("*_prometheus*s.yaml"):
        kube.request("POST", CRDS, yaml.safe_load(file.read_text()))
    eventually(lambda: kinds_served(kube) >= {"Prometheus", "PrometheusRule"})
    selects = {"ruleSelector": {"matchLabels": LABELS}, "ruleNamespaceSelector": {}}
    kube.request("POST", f"{OBJECTS}/prometheuses", monitoring_object("Prometheus", "p", selects))
    kube.request("POST", f"{OBJECTS}/prometheusrules", rule("First"))
    eventually(lambda: alerts(sandbox), lambda found: found == {("First", "firing")})
    kube.request("DELETE", f"{OBJECTS}/prometheusrules/first")
    kube.request("POST", f"{OBJECTS}/prometheusrules", rule("Second"))
    eventually(lambda: alerts(sandbox), lambda found: found == {("Second", "firing")})


def test_it_is_kept_at_its_speed_and_repaired(sandbox: Sandbox) -> None:
    assert again(sandbox).started == ()
    for name in MONITORING_NAMES:
        kill(sandbox, name)
    found = status(sandbox.paths)
    assert found.trouble == (
        f"stopped: {', '.join(MONITORING_NAMES)}; run `make up` again, it goes on from there"
    )
    assert set(again(sandbox).started) == set(MONITORING_NAMES)
    attached = attach(sandbox.paths)
    assert attached is not None
    assert attached.prometheus_speed == SPEED


def test_another_speed_starts_it_anew(sandbox: Sandbox) -> None:
    faster = start(SilentReporter(), sandbox.paths, prometheus_speed=30)
    assert set(faster.started) == set(MONITORING_NAMES)
    assert start(SilentReporter(), sandbox.paths, prometheus_speed=SPEED).started


def test_a_scene_is_played_in_it(sandbox: Sandbox) -> None:
    present.play(sandbox.endpoints, SCENES["burst"])
    assert present.monitoring(sandbox.endpoints, SPEED).scene == "burst"
