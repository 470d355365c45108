"""Nodes of a node group, against a small Kubernetes API of our own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from moto.ec2.models.instance_types import INSTANCE_TYPES

from sandbox.aws_provider.node_shape import node_shape
from tests.sandbox.test_aws_provider import (
    NODES,
    AbortedError,
    Engine,
    World,
    engine,
    environment,
    moto_url,
    node_group_inputs,
    template_inputs,
    urn_of,
)

__all__ = ["engine", "environment", "moto_url"]


class FakeKube:
    """GET, POST, PUT and DELETE of nodes; keeps them in `nodes`."""

    def __init__(self) -> None:
        self.nodes: dict[str, Any] = {}
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                name, value = query["labelSelector"][0].split("=")
                items = [
                    node
                    for node in fake.nodes.values()
                    if node["metadata"]["labels"].get(name) == value
                ]
                self.answer(200, {"items": items})

            def do_POST(self) -> None:
                node = self.body()
                name = node["metadata"]["name"]
                if name in fake.nodes:
                    return self.answer(409, {"message": "exists"})
                fake.nodes[name] = node
                return self.answer(201, node)

            def do_PUT(self) -> None:
                node = self.body()
                fake.nodes[node["metadata"]["name"]] = node
                self.answer(200, node)

            def do_DELETE(self) -> None:
                found = fake.nodes.pop(self.path.rsplit("/", 1)[-1], None)
                self.answer(200 if found else 404, {"message": "gone"})

            def body(self) -> Any:
                return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

            def answer(self, status: int, content: Any) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(content).encode())

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base's name)
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def kube(tmp_path: Path) -> Iterator[FakeKube]:
    fake = FakeKube()
    kubeconfig, authority = tmp_path / "kubeconfig", tmp_path / "ca.crt"
    authority.write_text("authority")
    kubeconfig.write_text(
        json.dumps(
            {
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
                "clusters": [{"name": "k", "cluster": {"server": fake.url}}],
                "users": [{"name": "u", "user": {"token": "secret"}}],
            }
        )
    )
    (tmp_path / "endpoints.json").write_text(
        json.dumps(
            {
                "kube_server": fake.url,
                "kube_ca_file": str(authority),
                "kubeconfig": str(kubeconfig),
            }
        )
    )
    yield fake
    fake.server.shutdown()
    fake.server.server_close()


def gpu_inputs(world: World) -> dict[str, Any]:
    urn = urn_of("aws:ec2/launchTemplate:LaunchTemplate", "gpu")
    made = world.engine.checked(urn, template_inputs(world))
    template = world.engine.create(urn, made)[0]
    plain = node_group_inputs(world)
    del plain["instanceTypes"]
    return {
        **plain,
        "amiType": "AL2023_x86_64_NVIDIA",
        "capacityType": "CAPACITY_BLOCK",
        "launchTemplate": {"id": template, "version": "1"},
        "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}],
        "labels": {"pool": "gpu"},
    }


def test_gpu_nodes_offer_what_the_instance_has(engine: Engine, kube: FakeKube) -> None:
    world, urn = World(engine), urn_of(NODES)
    engine.create(urn, engine.checked(urn, gpu_inputs(world)))
    (node,) = kube.nodes.values()
    labels = node["metadata"]["labels"]
    assert node["metadata"]["name"].endswith(".us-east-1.compute.internal")
    assert node["metadata"]["name"].startswith("ip-10-0-1-")
    assert labels["kubernetes.io/hostname"] == node["metadata"]["name"]
    assert labels["node.kubernetes.io/instance-type"] == "p4d.24xlarge"
    assert labels["eks.amazonaws.com/capacityType"] == "CAPACITY_BLOCK"
    assert labels["topology.kubernetes.io/zone"] == "us-east-1a"
    assert labels["pool"] == "gpu"
    assert node["metadata"]["annotations"]["kwok.x-k8s.io/node"] == "fake"
    assert node["spec"]["taints"] == [
        {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
    ]
    allocatable = node["status"]["allocatable"]
    assert allocatable["nvidia.com/gpu"] == "8"
    assert allocatable["vpc.amazonaws.com/efa"] == "4"
    assert allocatable["hugepages-2Mi"] == "10256Mi"
    # The user data makes a RAID of the eight disks of 1 TB.
    assert node["status"]["capacity"]["ephemeral-storage"] == "7450Gi"


def test_scaling_and_deleting(engine: Engine, kube: FakeKube) -> None:
    world, urn = World(engine), urn_of(NODES)
    inputs = engine.checked(urn, node_group_inputs(world))
    identifier, outputs = engine.create(urn, inputs)
    first = set(kube.nodes)
    assert len(first) == 1
    two = {**inputs, "scalingConfig": {"desiredSize": 2, "minSize": 0, "maxSize": 2}}
    outputs = engine.update(urn, identifier, inputs, outputs, two)
    assert first < set(kube.nodes)
    assert len(kube.nodes) == 2
    outputs = engine.update(urn, identifier, two, outputs, inputs)
    assert set(kube.nodes) == first
    engine.delete(urn, identifier, inputs, outputs)
    assert kube.nodes == {}


def test_labels_and_taints_change_in_place(engine: Engine, kube: FakeKube) -> None:
    world, urn = World(engine), urn_of(NODES)
    inputs = engine.checked(urn, node_group_inputs(world))
    identifier, outputs = engine.create(urn, inputs)
    (node,) = kube.nodes.values()
    node["metadata"]["labels"]["by"] = "someone"
    node["spec"]["taints"].append({"key": "not-ready", "effect": "NoSchedule"})
    changed = {
        **inputs,
        "labels": {"other": "label"},
        "taints": [{"key": "a", "value": "c", "effect": "NO_SCHEDULE"}],
    }
    outputs = engine.update(urn, identifier, inputs, outputs, changed)
    (node,) = kube.nodes.values()
    assert node["metadata"]["labels"]["other"] == "label"
    assert node["metadata"]["labels"]["by"] == "someone"
    assert "pool" not in node["metadata"]["labels"]
    assert node["spec"]["taints"] == [
        {"key": "not-ready", "effect": "NoSchedule"},
        {"key": "a", "value": "c", "effect": "NoSchedule"},
    ]
    assert outputs["taints"] == changed["taints"]


def test_a_new_template_version_brings_new_nodes(engine: Engine, kube: FakeKube) -> None:
    world, urn = World(engine), urn_of(NODES)
    inputs = engine.checked(urn, gpu_inputs(world))
    identifier, outputs = engine.create(urn, inputs)
    template = "aws:ec2/launchTemplate:LaunchTemplate"
    old = engine.checked(urn_of(template, "gpu"), template_inputs(world))
    new = {**old, "instanceType": "p4de.24xlarge"}
    engine.update(urn_of(template, "gpu"), inputs["launchTemplate"]["id"], old, {}, new)
    changed = {**inputs, "launchTemplate": {**inputs["launchTemplate"], "version": "2"}}
    engine.update(urn, identifier, inputs, outputs, changed)
    (node,) = kube.nodes.values()
    assert node["metadata"]["labels"]["node.kubernetes.io/instance-type"] == "p4de.24xlarge"


def test_missing_nodes_show_in_the_status_and_a_rerun_makes_them(
    engine: Engine, kube: FakeKube
) -> None:
    world, urn = World(engine), urn_of(NODES)
    inputs = engine.checked(urn, {**node_group_inputs(world), "nodeGroupName": "system"})
    identifier, outputs = engine.create(urn, inputs)
    assert outputs["status"] == "ACTIVE"
    kube.nodes.clear()
    assert engine.read(urn, identifier, inputs, outputs)[2]["status"] == "DEGRADED"
    with pytest.raises(AbortedError):
        engine.create(urn_of(NODES, "again"), {**inputs, "tags": {}})
    assert engine.create(urn_of(NODES, "again"), inputs)[0] == identifier
    assert len(kube.nodes) == 1


def test_unknown_instance_type_is_refused(engine: Engine) -> None:
    world, urn = World(engine), urn_of(NODES)
    inputs = {**engine.checked(urn, node_group_inputs(world)), "instanceTypes": ["m6i.huge"]}
    with pytest.raises(AbortedError, match=r"m6i\.huge"):
        engine.create(urn, inputs)


@pytest.mark.parametrize(
    ("name", "pods", "gpus"),
    [("p4d.24xlarge", "250", "8"), ("p4de.24xlarge", "250", "8"), ("m6i.large", "29", None)],
)
def test_shape_of_a_node(name: str, pods: str, gpus: str | None) -> None:
    shape = node_shape(INSTANCE_TYPES[name], 0, 100)
    assert shape.capacity["pods"] == pods
    assert shape.capacity.get("nvidia.com/gpu") == gpus
    memory = int(shape.capacity["memory"].removesuffix("Mi"))
    left = int(shape.allocatable["memory"].removesuffix("Mi"))
    assert left == memory - 255 - 11 * int(pods) - 100
    assert shape.architecture == "amd64"
