"""What EKS does beside its answers: a security group for a cluster, nodes for a node group.

One cluster at a time is backed by the sandbox's control plane: the first that is made while
`endpoints.json` says where that is. Without that file a cluster's endpoint is one that nobody can
mistake for a real one, and no nodes are made.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.aws_provider.cloud import ApiError, Cloud, Layer
from sandbox.aws_provider.kept_store import KeptStore
from sandbox.aws_provider.kube_nodes import remove_nodes, sync_nodes
from sandbox.aws_provider.node_api import NodeApi
from sandbox.aws_provider.node_group import (
    DEFAULT_DISK_GIB,
    DEFAULT_INSTANCE_TYPE,
    check_capacity,
    nodes_of,
)
from sandbox.control_plane.kube_api import KubeApiError

NO_ENDPOINT = "https://127.0.0.1:1"
_NODE_GROUP_CALLS = ("create_nodegroup", "update_nodegroup_config", "update_nodegroup_version")


class EksLayer(Layer):
    """Completes clusters and node groups."""

    def __init__(self, store: KeptStore, endpoints: Path) -> None:
        self._store = store
        self._endpoints_file = endpoints

    def _endpoints(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(self._endpoints_file.read_text())
        except FileNotFoundError:
            return None
        return found

    def before(self, cloud: Cloud, client: str, operation: str, params: Mapping[str, Any]) -> None:
        if client != "eks":
            return
        if operation == "create_cluster":
            self._claim(cloud, params["name"])
        if operation == "create_nodegroup":
            check_capacity(cloud, operation, params)
            # A group that a killed run made gets the nodes that it did not get to.
            if _found(cloud, "describe_nodegroup", _of_group(params)):
                self._sync(cloud, operation, params)
        if operation == "update_nodegroup_version":
            group = cloud.call("eks", "describe_nodegroup", _of_group(params))["nodegroup"]
            check_capacity(cloud, operation, {**group, **params})
        if operation == "delete_nodegroup" and (client_ := self._kube(params["clusterName"])):
            _kube(operation, lambda: remove_nodes(client_, params["nodegroupName"]))
        if operation == "delete_cluster" and not _found(
            cloud, "describe_cluster", {"name": params["name"]}
        ):
            self._forget(cloud, params["name"])

    def after(
        self,
        cloud: Cloud,
        client: str,
        operation: str,
        params: Mapping[str, Any],
        answer: dict[str, Any],
    ) -> dict[str, Any]:
        if client != "eks":
            return answer
        if operation == "create_cluster":
            self._make_group(cloud, params["name"])
        if operation == "delete_cluster":
            self._forget(cloud, params["name"])
        if operation in ("create_cluster", "describe_cluster"):
            return {"cluster": self._cluster(cloud, answer["cluster"])}
        if operation in ("create_nodegroup", "describe_nodegroup"):
            answer = {"nodegroup": self._node_group(cloud, answer["nodegroup"])}
        if operation in _NODE_GROUP_CALLS:
            self._sync(cloud, operation, params)
        return answer

    def _claim(self, cloud: Cloud, name: str) -> None:
        if self._endpoints() is None:
            return
        holder = self._store.read()["backed"]
        if holder not in (None, name) and _found(cloud, "describe_cluster", {"name": holder}):
            raise ApiError(
                "CreateCluster",
                "ResourceLimitExceededException",
                f"the sandbox has one control plane, and cluster {holder} has it; a second cluster "
                "can be made when that one is deleted",
            )
        with self._store.change() as content:
            content["backed"] = name

    def _make_group(self, cloud: Cloud, name: str) -> None:
        described = cloud.client("eks").describe_cluster(name=name)["cluster"]
        subnets = described["resourcesVpcConfig"].get("subnetIds", [])
        vpc = cloud.call("ec2", "describe_subnets", {"SubnetIds": subnets})["Subnets"][0]["VpcId"]
        group = cloud.call(
            "ec2",
            "create_security_group",
            {
                "GroupName": f"eks-cluster-sg-{name}",
                "Description": "EKS created security group applied to the cluster's own interfaces",
                "VpcId": vpc,
            },
        )["GroupId"]
        with self._store.change() as content:
            content.setdefault("cluster_groups", {})[name] = {"group": group, "vpc": vpc}

    def _forget(self, cloud: Cloud, name: str) -> None:
        group = self._store.read().get("cluster_groups", {}).get(name)
        if group:
            try:
                cloud.call("ec2", "delete_security_group", {"GroupId": group["group"]})
            except ApiError as error:
                if not error.means_gone:
                    raise
        with self._store.change() as content:
            content.get("cluster_groups", {}).pop(name, None)
            if content["backed"] == name:
                content["backed"] = None

    def _cluster(self, cloud: Cloud, cluster: Mapping[str, Any]) -> dict[str, Any]:
        name = cluster["name"]
        content = self._store.read()
        group = content.get("cluster_groups", {}).get(name)
        if group is None:
            # A run that was killed between the cluster and its group.
            self._make_group(cloud, name)
            group = self._store.read()["cluster_groups"][name]
        endpoints = self._endpoints() if content["backed"] == name else None
        authority = Path(endpoints["kube_ca_file"]).read_bytes() if endpoints else b""
        logs = cluster.get("logging", {}).get("clusterLogging", [])
        return {
            **cluster,
            "endpoint": endpoints["kube_server"] if endpoints else NO_ENDPOINT,
            "certificateAuthority": {"data": base64.b64encode(authority).decode()},
            "accessConfig": {"authenticationMode": "CONFIG_MAP", **cluster.get("accessConfig", {})},
            "upgradePolicy": {"supportType": "EXTENDED", **cluster.get("upgradePolicy", {})},
            "kubernetesNetworkConfig": {
                "ipFamily": "ipv4",
                "serviceIpv4Cidr": "172.20.0.0/16",
                **cluster.get("kubernetesNetworkConfig", {}),
            },
            "logging": {"clusterLogging": [entry for entry in logs if entry.get("enabled")]},
            "resourcesVpcConfig": {
                "endpointPublicAccess": True,
                "endpointPrivateAccess": False,
                "publicAccessCidrs": ["0.0.0.0/0"],
                "securityGroupIds": [],
                **cluster["resourcesVpcConfig"],
                "clusterSecurityGroupId": group["group"],
                "vpcId": group["vpc"],
            },
        }

    def _node_group(self, cloud: Cloud, group: Mapping[str, Any]) -> dict[str, Any]:
        cluster = cloud.call("eks", "describe_cluster", {"name": group["clusterName"]})["cluster"]
        version = group.get("version") or cluster["version"]
        own = {} if group.get("launchTemplate") else _without_template()
        found = {
            "amiType": "AL2023_x86_64_STANDARD",
            "updateConfig": {"maxUnavailable": 1},
            # AWS would choose the newest release; the stand-in knows none and says so.
            "releaseVersion": f"{version}.0-sandbox",
            **own,
            **group,
            "version": version,
        }
        if client := self._kube(group["clusterName"]):
            nodes = _kube(
                "DescribeNodegroup",
                lambda: client.list_nodes({"eks.amazonaws.com/nodegroup": group["nodegroupName"]}),
            )
            if len(nodes) < group["scalingConfig"]["desiredSize"]:
                found["status"] = "DEGRADED"
        return found

    def _kube(self, cluster: str) -> NodeApi | None:
        endpoints = self._endpoints()
        if endpoints is None or self._store.read()["backed"] != cluster:
            return None
        return NodeApi(Path(endpoints["kubeconfig"]))

    def _sync(self, cloud: Cloud, operation: str, params: Mapping[str, Any]) -> None:
        client = self._kube(params["clusterName"])
        if client is None:
            return
        answer = cloud.call("eks", "describe_nodegroup", _of_group(params))
        group = answer["nodegroup"]
        shape = nodes_of(cloud, group)
        wanted = int(group["scalingConfig"]["desiredSize"])
        _kube(operation, lambda: sync_nodes(client, shape, wanted))


def _without_template() -> dict[str, Any]:
    return {"diskSize": DEFAULT_DISK_GIB, "instanceTypes": [DEFAULT_INSTANCE_TYPE]}


def _of_group(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: params[name] for name in ("clusterName", "nodegroupName")}


def _found(cloud: Cloud, operation: str, params: Mapping[str, Any]) -> bool:
    try:
        cloud.client("eks").__getattribute__(operation)(**params)
    except cloud.client("eks").exceptions.ResourceNotFoundException:
        return False
    return True


def _kube(operation: str, work: Any) -> Any:
    try:
        return work()
    except (KubeApiError, ValueError) as error:
        raise ApiError(operation, "NodeCreationFailure", str(error)) from None
