"""The nodes of a node group, as KWOK Node objects in the sandbox's cluster."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.aws_provider.node_api import CONFLICT, NodeApi
from sandbox.aws_provider.node_shape import NodeShape
from sandbox.control_plane.kube_api import KubeApiError

INDEX = "moe.sandbox/index"
# The API server rewrites quantities (1024Mi becomes 1Gi), so the shape is kept as it was given.
SHAPE = "moe.sandbox/shape"
OWN_LABELS = "moe.sandbox/labels"
OWN_TAINTS = "moe.sandbox/taints"
ATTEMPTS = 20
NODE_GROUP = "eks.amazonaws.com/nodegroup"
_EFFECTS = {
    "NO_SCHEDULE": "NoSchedule",
    "NO_EXECUTE": "NoExecute",
    "PREFER_NO_SCHEDULE": "PreferNoSchedule",
}
# EC2 keeps the first four addresses and the last one of each subnet.
_FIRST_ADDRESS, _KEPT_ADDRESSES = 4, 5


@dataclass(frozen=True)
class Place:
    """A subnet in which nodes can be: its address range and its zone."""

    cidr: str
    zone: str


@dataclass(frozen=True)
class NodeGroup:
    """What the nodes of a group have in common."""

    cluster: str
    name: str
    region: str
    places: tuple[Place, ...]
    instance_type: str
    capacity_type: str
    ami_type: str
    labels: Mapping[str, str]
    taints: tuple[Mapping[str, str], ...]
    shape: NodeShape

    @property
    def shape_text(self) -> str:
        parts = [self.instance_type, self.shape.capacity, self.shape.allocatable]
        return json.dumps(parts, sort_keys=True)

    @property
    def own_labels(self) -> dict[str, str]:
        return {
            **self.labels,
            NODE_GROUP: self.name,
            "eks.amazonaws.com/capacityType": self.capacity_type,
            "node.kubernetes.io/instance-type": self.instance_type,
            "topology.kubernetes.io/region": self.region,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": self.shape.architecture,
        }

    @property
    def own_taints(self) -> list[dict[str, str]]:
        return [
            {
                "key": taint["key"],
                "effect": _EFFECTS[taint["effect"]],
                **({"value": taint["value"]} if taint.get("value") else {}),
            }
            for taint in self.taints
        ]


def sync_nodes(client: NodeApi, group: NodeGroup, wanted: int) -> None:
    """As `_sync_once`, again where another writer (KWOK, a controller) came between."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _sync_once(client, group, wanted)
        except KubeApiError as error:
            if error.status != CONFLICT or attempt == ATTEMPTS:
                raise
    return None


def _sync_once(client: NodeApi, group: NodeGroup, wanted: int) -> None:
    """Make the cluster hold `wanted` nodes of the group, as the group is now.

    May be called again at any time. Nodes of another instance type or capacity are made anew;
    labels and taints are changed in place, leaving those that others set.
    """
    found = client.list_nodes({NODE_GROUP: group.name})
    here = sorted(found, key=lambda node: int(_annotations(node).get(INDEX, 0)))
    stale = [node for node in here if _annotations(node).get(SHAPE) != group.shape_text]
    fresh = [node for node in here if node not in stale]
    for node in (*stale, *fresh[wanted:]):
        client.delete_node(node["metadata"]["name"])
    for node in fresh[:wanted]:
        changed = _with_own(node, group)
        if changed != node:
            client.replace_node(changed)
    used = {int(_annotations(node)[INDEX]) for node in fresh[:wanted]}
    free = (index for index in range(wanted * 2) if index not in used)
    for index in [next(free) for _ in range(wanted - len(fresh[:wanted]))]:
        # An address that another group's node has is passed over.
        if not any(client.create_node(node) for node in candidates(group, index)):
            raise ValueError(f"the subnets of node group {group.name} have no free address")


def remove_nodes(client: NodeApi, name: str) -> None:
    """Delete all nodes of the group; nodes that are gone already are fine."""
    for node in client.list_nodes({NODE_GROUP: name}):
        client.delete_node(node["metadata"]["name"])


def candidates(group: NodeGroup, index: int) -> Iterator[dict[str, Any]]:
    """The node of this index at each address it could have; the first is always the same."""
    place = group.places[index % len(group.places)]
    network = ipaddress.ip_network(place.cidr)
    room = network.num_addresses - _KEPT_ADDRESSES
    start = int(hashlib.sha256(f"{group.cluster}/{group.name}".encode()).hexdigest(), 16)
    for attempt in range(room):
        offset = _FIRST_ADDRESS + (start + index + attempt) % room
        yield node_object(group, index, place, str(network[offset]))


def node_object(group: NodeGroup, index: int, place: Place, address: str) -> dict[str, Any]:
    """A Node; its status is set at creation, which the API server allows for nodes."""
    name = f"ip-{address.replace('.', '-')}.{group.region}.compute.internal"
    instance = hashlib.sha256(f"{group.cluster}/{group.name}/{index}".encode()).hexdigest()[:17]
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {
                "kwok.x-k8s.io/node": "fake",
                INDEX: str(index),
                SHAPE: group.shape_text,
            },
            "labels": {
                "kubernetes.io/hostname": name,
                "topology.kubernetes.io/zone": place.zone,
            },
        },
        "spec": {"providerID": f"aws:///{place.zone}/i-{instance}"},
        "status": {
            "capacity": group.shape.capacity,
            "allocatable": group.shape.allocatable,
            "addresses": [
                {"type": "InternalIP", "address": address},
                {"type": "Hostname", "address": name},
            ],
            "nodeInfo": _node_info(group),
        },
    }
    return _with_own(node, group)


def _node_info(group: NodeGroup) -> dict[str, str]:
    unknown = (
        "bootID",
        "containerRuntimeVersion",
        "kernelVersion",
        "kubeProxyVersion",
        "kubeletVersion",
        "machineID",
        "systemUUID",
    )
    return {
        **dict.fromkeys(unknown, "kwok"),
        "operatingSystem": "linux",
        "architecture": group.shape.architecture,
        "osImage": group.ami_type,
    }


def _with_own(node: Mapping[str, Any], group: NodeGroup) -> dict[str, Any]:
    """The node with the group's labels and taints; those it had from the group before are gone."""
    changed: dict[str, Any] = json.loads(json.dumps(node))
    metadata, spec = changed["metadata"], changed.setdefault("spec", {})
    annotations = metadata.setdefault("annotations", {})
    old_labels = json.loads(annotations.get(OWN_LABELS, "[]"))
    old_taints = json.loads(annotations.get(OWN_TAINTS, "[]"))
    labels = {k: v for k, v in metadata.get("labels", {}).items() if k not in old_labels}
    metadata["labels"] = {**labels, **group.own_labels}
    own = group.own_taints
    others = [t for t in spec.get("taints") or [] if t not in old_taints and t not in own]
    if others or own:
        spec["taints"] = [*others, *own]
    else:
        spec.pop("taints", None)
    annotations[OWN_LABELS] = json.dumps(sorted(group.own_labels))
    annotations[OWN_TAINTS] = json.dumps(own)
    return changed


def _annotations(node: Mapping[str, Any]) -> dict[str, str]:
    return dict(node["metadata"].get("annotations") or {})
