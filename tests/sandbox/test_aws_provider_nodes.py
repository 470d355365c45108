"""Node groups: what replaces them, and their nodes on a small Kubernetes API of our own."""

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
    TEMPLATE,
    AbortedError,
    Engine,
    World,
    engine,
    environment,
    node_group_inputs,
    template_inputs,
    urn_of,
)

__all__ = ["engine", "environment"]


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


def make_template(world: World, **changed: Any) -> str:
    """A launch template for a Capacity Block, with changes; None takes an input away."""
    inputs = {**template_inputs(world), **changed}
    urn = urn_of(TEMPLATE, "gpu")
    given = {name: value for name, value in inputs.items() if value is not None}
    return str(world.engine.create(urn, world.engine.checked(urn, given))[0])


def gpu_inputs(world: World, **changed: Any) -> dict[str, Any]:
    """A node group of a Capacity Block, with changes of its template."""
    template = make_template(world, **changed)
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
    template = urn_of(TEMPLATE, "gpu")
    old = engine.checked(template, template_inputs(world))
    new = {**old, "instanceType": "p4de.24xlarge"}
    engine.update(template, inputs["launchTemplate"]["id"], old, {}, new)
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


def test_taints_added_later_reach_the_nodes(engine: Engine, kube: FakeKube) -> None:
    world, urn = World(engine), urn_of(NODES)
    inputs = engine.checked(urn, {**node_group_inputs(world), "taints": []})
    identifier, outputs = engine.create(urn, inputs)
    (node,) = kube.nodes.values()
    assert "taints" not in node["spec"]
    taint = {"key": "moe-serving/drain", "effect": "NO_EXECUTE"}
    changed = {**inputs, "taints": [taint]}
    outputs = engine.update(urn, identifier, inputs, outputs, changed)
    (node,) = kube.nodes.values()
    assert node["spec"]["taints"] == [{"key": "moe-serving/drain", "effect": "NoExecute"}]
    assert outputs["taints"] == [taint]


@pytest.mark.parametrize(
    ("instance_type", "cards", "cpu", "pods"),
    [("p5.48xlarge", 32, "192", "100"), ("p5en.48xlarge", 16, "192", "198")],
)
def test_nodes_of_other_gpu_types(
    engine: Engine, kube: FakeKube, instance_type: str, cards: int, cpu: str, pods: str
) -> None:
    world, urn = World(engine), urn_of(NODES)
    interfaces = template_inputs(world)["networkInterfaces"]
    more = [{**interfaces[1], "networkCardIndex": card} for card in range(1, cards)]
    changed = {"instanceType": instance_type, "networkInterfaces": [interfaces[0], *more]}
    inputs = engine.checked(urn, gpu_inputs(world, **changed))
    _, outputs = engine.create(urn, inputs)
    assert outputs["instanceTypes"] == []
    (node,) = kube.nodes.values()
    assert node["metadata"]["labels"]["node.kubernetes.io/instance-type"] == instance_type
    capacity = node["status"]["capacity"]
    assert (capacity["cpu"], capacity["pods"]) == (cpu, pods)
    assert capacity["nvidia.com/gpu"] == "8"
    assert capacity["vpc.amazonaws.com/efa"] == str(cards)
    assert capacity["hugepages-2Mi"] == "10256Mi"
    # Eight disks of 3.8 TB.
    assert capacity["ephemeral-storage"] == "28312Gi"


def test_node_group_replaces_for_instance_types_and_not_for_taints(engine: Engine) -> None:
    world, urn = World(engine), urn_of(NODES)
    old = {**engine.checked(urn, node_group_inputs(world))}
    for change, replaces in (
        ({"instanceTypes": ["m6i.xlarge"]}, ["instanceTypes"]),
        ({"amiType": "AL2023_ARM_64_STANDARD"}, ["amiType"]),
        ({"capacityType": "SPOT"}, ["capacityType"]),
        ({"subnetIds": ["subnet-0"]}, ["subnetIds"]),
        ({"diskSize": 100}, ["diskSize"]),
        ({"launchTemplate": {"id": "lt-1", "version": "1"}}, []),
        ({"taints": []}, []),
        ({"labels": {}}, []),
        ({"releaseVersion": "1.35.9-1"}, []),
        ({"tags": {}}, []),
    ):
        difference = engine.diff(urn, "main:x", old, {}, {**old, **change})
        assert list(difference.replaces) == replaces, change
        assert list(difference.diffs) == list(change)
    with_template = {**old, "launchTemplate": {"id": "lt-1", "version": "1"}}
    for template, replaces in (
        ({"id": "lt-1", "version": "2"}, []),
        ({"id": "lt-2", "version": "1"}, ["launchTemplate"]),
    ):
        new = {**old, "launchTemplate": template}
        assert list(engine.diff(urn, "x:y", with_template, {}, new).replaces) == replaces


def test_replacement_of_a_fixed_name_deletes_first(engine: Engine) -> None:
    world, urn = World(engine), urn_of(NODES)
    chosen = engine.checked(urn, node_group_inputs(world))
    fixed = engine.checked(urn, {**node_group_inputs(world), "nodeGroupName": "gpu"})
    change = {"instanceTypes": ["m6i.xlarge"]}
    assert not engine.diff(urn, "a:b", chosen, {}, {**chosen, **change}).deleteBeforeReplace
    assert engine.diff(urn, "a:b", fixed, {}, {**fixed, **change}).deleteBeforeReplace


@pytest.mark.parametrize(
    ("name", "pods", "addresses", "gpus"),
    [
        ("p4d.24xlarge", "250", 737, "8"),
        ("p4de.24xlarge", "250", 737, "8"),
        ("p5.48xlarge", "100", 100, "8"),
        ("p5en.48xlarge", "198", 198, "8"),
        ("m6i.large", "29", 29, None),
    ],
)
def test_shape_of_a_node(name: str, pods: str, addresses: int, gpus: str | None) -> None:
    shape = node_shape(INSTANCE_TYPES[name], 0, 100)
    assert shape.capacity["pods"] == pods
    assert shape.capacity.get("nvidia.com/gpu") == gpus
    memory = int(shape.capacity["memory"].removesuffix("Mi"))
    left = int(shape.allocatable["memory"].removesuffix("Mi"))
    assert left == memory - 255 - 11 * addresses - 100
    assert shape.architecture == "amd64"
