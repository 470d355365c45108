"""What an EKS node group asks of EC2: launch template, instance type, disk, and so its nodes."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from sandbox.aws_provider.cloud import ApiError, Cloud
from sandbox.aws_provider.kube_nodes import NodeGroup, Place
from sandbox.aws_provider.node_shape import node_shape

DEFAULT_DISK_GIB = 20
DEFAULT_INSTANCE_TYPE = "t3.medium"
CAPACITY_BLOCK = "CAPACITY_BLOCK"
_EFA_TYPES = ("efa", "efa-only")


def nodes_of(cloud: Cloud, group: Mapping[str, Any]) -> NodeGroup:
    """What the nodes of an EKS node group (as DescribeNodegroup shows it) look like."""
    template = template_data(cloud, group.get("launchTemplate"))
    instance_type = instance_types(group, template)[0]
    facts = instance_facts(cloud, instance_type)
    subnets = cloud.call("ec2", "describe_subnets", {"SubnetIds": group["subnets"]})["Subnets"]
    interfaces = template.get("NetworkInterfaces", [])
    efa = sum(interface.get("InterfaceType") in _EFA_TYPES for interface in interfaces)
    return NodeGroup(
        cluster=group["clusterName"],
        name=group["nodegroupName"],
        region=cloud.facts["region"],
        places=tuple(
            Place(subnet["CidrBlock"], subnet["AvailabilityZone"])
            for subnet in sorted(subnets, key=lambda found: str(found["AvailabilityZone"]))
        ),
        instance_type=instance_type,
        capacity_type=group.get("capacityType", "ON_DEMAND"),
        ami_type=group.get("amiType", ""),
        labels=group.get("labels", {}),
        taints=tuple(group.get("taints", ())),
        shape=node_shape(facts, efa, disk_gib(group, template, facts)),
    )


def check_capacity(cloud: Cloud, operation: str, group: Mapping[str, Any]) -> None:
    """Refuse what EKS refuses of a group's capacity, whatever the call; raises ApiError.

    Source: EKS user guide, "Create a managed node group with Capacity Blocks for ML".
    """

    def refusal(message: str, code: str = "InvalidParameterException") -> ApiError:
        return ApiError(cloud.operation("eks", operation).name, code, message)

    template = template_data(cloud, group.get("launchTemplate"))
    is_block = group.get("capacityType") == CAPACITY_BLOCK
    if template.get("InstanceType") and group.get("instanceTypes"):
        both = "Cannot specify instance types in launch template and API Request"
        raise refusal(both, "InvalidRequestException")
    if template.get("InstanceMarketOptions") and not is_block:
        raise refusal("Instance market options are not supported with the launch template.")
    if is_block and (missing := _missing_of_block(template)):
        raise refusal(
            f"capacity type {CAPACITY_BLOCK} needs a launch template with {', '.join(missing)}"
        )
    for name in instance_types(group, template):
        instance_facts(cloud, name)


def _missing_of_block(template: Mapping[str, Any]) -> list[str]:
    specification = template.get("CapacityReservationSpecification", {})
    target = specification.get("CapacityReservationTarget", {})
    market = template.get("InstanceMarketOptions", {}).get("MarketType")
    needed = {
        "InstanceMarketOptions.MarketType capacity-block": market == "capacity-block",
        "CapacityReservationTarget.CapacityReservationId": target.get("CapacityReservationId"),
        "InstanceType": template.get("InstanceType"),
    }
    return [what for what, there in needed.items() if not there]


def disk_gib(
    group: Mapping[str, Any], template: Mapping[str, Any], facts: Mapping[str, Any]
) -> int:
    """The disk that pods write to: the instance store where nodeadm makes a RAID of it."""
    user_data = base64.b64decode(template.get("UserData", "")).decode(errors="replace")
    stores = facts.get("InstanceStorageInfo", {}).get("TotalSizeInGB", 0)
    if stores and "localStorage" in user_data and "RAID0" in user_data:
        return int(stores * 10**9 // 2**30)
    sizes = [
        device.get("Ebs", {}).get("VolumeSize")
        for device in template.get("BlockDeviceMappings", [])
    ]
    return int(next((size for size in sizes if size), group.get("diskSize") or DEFAULT_DISK_GIB))


def template_data(cloud: Cloud, template: Mapping[str, Any] | None) -> dict[str, Any]:
    """The contents of the launch template version that a node group names; {} where it has none."""
    if not template:
        return {}
    version = str(template.get("version", "$Default"))
    named = (
        {"LaunchTemplateId": template["id"]}
        if template.get("id")
        else {"LaunchTemplateName": template.get("name")}
    )
    answer = cloud.call(
        "ec2",
        "describe_launch_template_versions",
        {**named, "Versions": [version]},
    )
    found = answer["LaunchTemplateVersions"]
    if not found:
        raise ApiError(
            "DescribeLaunchTemplateVersions",
            "InvalidLaunchTemplateId.VersionNotFound",
            f"launch template {next(iter(named.values()))} has no version {version}",
        )
    data: dict[str, Any] = found[0]["LaunchTemplateData"]
    return data


def instance_types(group: Mapping[str, Any], template: Mapping[str, Any]) -> list[str]:
    """The instance types of a node group; EKS's default where neither place names one."""
    of_template = [template["InstanceType"]] if template.get("InstanceType") else []
    return list(group.get("instanceTypes") or of_template or [DEFAULT_INSTANCE_TYPE])


def instance_facts(cloud: Cloud, name: str) -> dict[str, Any]:
    """The entry of DescribeInstanceTypes; ApiError for a type that there is not."""
    answer = cloud.call("ec2", "describe_instance_types", {"InstanceTypes": [name]})
    facts: dict[str, Any] = answer["InstanceTypes"][0]
    return facts
