"""What every node of the cluster has, with or without GPUs: its role, disk and metadata."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2, iam

_POLICIES = (
    "AmazonEKSWorkerNodePolicy",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonEKS_CNI_Policy",
    # Session Manager in place of SSH: no port is open and no key exists.
    "AmazonSSMManagedInstanceCore",
)


@dataclass(frozen=True, slots=True)
class NodeHome:
    """What all nodes of a cluster share; `tags` go on what they launch."""

    cluster_name: pulumi.Input[str]
    security_group_id: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    volume_kms_key_arn: pulumi.Input[str]
    tags: Mapping[str, str]


def assume_role_policy(service: str) -> str:
    """Trust policy for an AWS service, as JSON text."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def node_role(name: str, parent: pulumi.Resource) -> tuple[iam.Role, list[pulumi.Resource]]:
    """A node's role, and the attachments that must exist before a node joins."""
    opts = pulumi.ResourceOptions(parent=parent)
    role = iam.Role(name, assume_role_policy=assume_role_policy("ec2.amazonaws.com"), opts=opts)
    attachments: list[pulumi.Resource] = [
        iam.RolePolicyAttachment(
            f"{name}-{policy}",
            role=role.name,
            policy_arn=f"arn:aws:iam::aws:policy/{policy}",
            opts=opts,
        )
        for policy in _POLICIES
    ]
    return role, attachments


def metadata_options() -> ec2.LaunchTemplateMetadataOptionsArgs:
    """IMDSv2 only; one hop keeps pods from the node's credentials."""
    return ec2.LaunchTemplateMetadataOptionsArgs(
        http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
    )


def root_volume(
    size_gib: int, kms_key_arn: pulumi.Input[str]
) -> ec2.LaunchTemplateBlockDeviceMappingArgs:
    """Encrypted gp3 root volume of an AL2023 node."""
    return ec2.LaunchTemplateBlockDeviceMappingArgs(
        device_name="/dev/xvda",
        ebs=ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
            volume_size=size_gib,
            volume_type="gp3",
            encrypted="true",
            kms_key_id=kms_key_arn,
            delete_on_termination="true",
        ),
    )


def tag_specifications(
    name: str, tags: Mapping[str, str]
) -> list[ec2.LaunchTemplateTagSpecificationArgs]:
    """Tags on what a launch creates: the provider's default tags do not reach it."""
    return [
        ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags={**tags, "Name": name})
        for kind in ("instance", "volume", "network-interface")
    ]
