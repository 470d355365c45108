"""The resources of components/gpu_node_group.py, as a stack policy sees them."""

from collections.abc import Mapping, Sequence
from typing import Any

from pulumi_policy import PolicyResource

from catalog.gpu_nodes import NODE_SELECTOR
from policies.aws.node_groups import LAUNCH_TEMPLATE, NODE_GROUP
from tests.policies.engine_input import UNKNOWN, resource

SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
OLD_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
PLACEMENT_GROUP = "aws:ec2/placementGroup:PlacementGroup"
CLUSTER = "aws:eks/cluster:Cluster"

CLUSTER_GROUP_ID, EFA_GROUP_ID = "sg-0c", "sg-0e"
GPU_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}


def interface(card: int, device: int | None = None, kind: str | None = None, **props: Any) -> Any:
    return {
        "networkCardIndex": card,
        "deviceIndex": (0 if card == 0 else 1) if device is None else device,
        "interfaceType": ("efa" if card == 0 else "efa-only") if kind is None else kind,
        "securityGroups": [CLUSTER_GROUP_ID, EFA_GROUP_ID],
        "associatePublicIpAddress": "false",
        **props,
    }


FOUR = [interface(card) for card in range(4)]


class Stack:
    """One EFA node group; its ids are known once it is `created`, not in a first preview."""

    def __init__(
        self,
        *,
        created: bool = True,
        interfaces: Any = FOUR,
        instance_types: Any = ("p4d.24xlarge",),
        subnets: Any = ("subnet-1",),
        strategy: Any = "cluster",
        rules: Sequence[str] = (INGRESS, EGRESS),
        rule: Mapping[str, Any] | None = None,
        group: Mapping[str, Any] | None = None,
        template: Mapping[str, Any] | None = None,
        node_group: Mapping[str, Any] | None = None,
    ) -> None:
        def given(value: str) -> str:
            return value if created else UNKNOWN

        if not created and interfaces is FOUR:
            interfaces = [{**i, "securityGroups": [UNKNOWN, UNKNOWN]} for i in FOUR]
        self.cluster = resource(
            CLUSTER, "moe", {"vpcConfig": {"clusterSecurityGroupId": given(CLUSTER_GROUP_ID)}}
        )
        self.group = resource(
            SECURITY_GROUP, "gpu-efa", {"id": given(EFA_GROUP_ID), **(group or {})}
        )
        of_group = {"securityGroupId": [self.group], "referencedSecurityGroupId": [self.group]}
        self.rules = [
            resource(
                kind,
                "gpu-efa-self",
                {
                    "ipProtocol": "-1",
                    "securityGroupId": given(EFA_GROUP_ID),
                    "referencedSecurityGroupId": given(EFA_GROUP_ID),
                    **(rule or {}),
                },
                of_group,
            )
            for kind in rules
        ]
        self.placement = resource(
            PLACEMENT_GROUP, "gpu", {"name": given("gpu-1a2b"), "strategy": strategy}
        )
        self.template = resource(
            LAUNCH_TEMPLATE,
            "gpu",
            {
                "id": given("lt-0"),
                "name": given("gpu-3c4d"),
                "networkInterfaces": interfaces,
                "placement": {"groupName": given("gpu-1a2b")},
                **(template or {}),
            },
            {
                "networkInterfaces": [self.cluster, self.group],
                "placement": [] if "placement" in (template or {}) else [self.placement],
            },
        )
        self.node_group = resource(
            NODE_GROUP,
            "gpu",
            {
                "instanceTypes": list(instance_types)
                if isinstance(instance_types, tuple)
                else instance_types,
                "subnetIds": list(subnets) if isinstance(subnets, tuple) else subnets,
                "launchTemplate": {"id": given("lt-0"), "version": given("1")},
                "capacityType": "ON_DEMAND",
                "amiType": "AL2023_x86_64_NVIDIA",
                "scalingConfig": {"minSize": 1, "desiredSize": 2, "maxSize": 2},
                "labels": dict(NODE_SELECTOR),
                "taints": [GPU_TAINT],
                **(node_group or {}),
            },
            {"launchTemplate": [self.template]},
        )

    @property
    def resources(self) -> list[PolicyResource]:
        return [
            self.cluster,
            self.group,
            *self.rules,
            self.placement,
            self.template,
            self.node_group,
        ]

    @property
    def without_dependencies(self) -> list[PolicyResource]:
        """As if every id had been written by hand."""
        for member in self.resources:
            member.property_dependencies = {}
        return self.resources
