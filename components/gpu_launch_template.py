"""The launch template of a GPU node: interfaces, capacity, placement, disk and metadata."""

import base64
from collections.abc import Mapping, Sequence

import pulumi
from pulumi_aws import ec2

from catalog.efa_layout import Interface
from components import worker_nodes
from stacks.settings.gpu_node_group import CapacityBlock, GpuNodeGroupSettings, OnDemand

# nodeadm joins the local NVMe disks and moves containerd and the kubelet there:
# an emptyDir of a pod, which holds the weights, then reads at disk speed times eight.
_NODE_CONFIG = """\
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="nodeadm"

--nodeadm
Content-Type: application/node.eks.aws

apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  instance:
    localStorage:
      strategy: RAID0
--nodeadm--
"""


def launch_template(
    name: str,
    settings: GpuNodeGroupSettings,
    *,
    security_group_ids: Sequence[pulumi.Input[str]],
    placement_group_name: pulumi.Input[str] | None,
    volume_kms_key_arn: pulumi.Input[str],
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> ec2.LaunchTemplate:
    """A template that EKS accepts for a managed node group: no subnet, no AMI, no profile."""
    is_block = isinstance(settings.capacity, CapacityBlock)
    return ec2.LaunchTemplate(
        name,
        network_interfaces=[
            _interface(name, each, security_group_ids) for each in settings.interfaces()
        ],
        placement=ec2.LaunchTemplatePlacementArgs(group_name=placement_group_name)
        if placement_group_name is not None
        else None,
        capacity_reservation_specification=_reservation(settings),
        instance_market_options=ec2.LaunchTemplateInstanceMarketOptionsArgs(
            market_type="capacity-block"
        )
        if is_block
        else None,
        # EKS wants the type of a Capacity Block here, and any other on the node group.
        instance_type=settings.instance_type if is_block else None,
        disable_api_termination=settings.termination_protection,
        block_device_mappings=[
            worker_nodes.root_volume(settings.root_volume_gib, volume_kms_key_arn)
        ],
        metadata_options=worker_nodes.metadata_options(),
        user_data=base64.b64encode(_NODE_CONFIG.encode()).decode(),
        tag_specifications=worker_nodes.tag_specifications(name, tags),
        update_default_version=True,
        opts=opts,
    )


def _interface(
    name: str, interface: Interface, security_group_ids: Sequence[pulumi.Input[str]]
) -> ec2.LaunchTemplateNetworkInterfaceArgs:
    """Security groups belong on every interface; the subnet is the node group's to give."""
    return ec2.LaunchTemplateNetworkInterfaceArgs(
        network_card_index=interface.network_card,
        device_index=interface.device_index,
        interface_type=interface.type,
        security_groups=list(security_group_ids),
        associate_public_ip_address="false",
        delete_on_termination="true",
        description=f"{name} card {interface.network_card}",
    )


def _reservation(
    settings: GpuNodeGroupSettings,
) -> ec2.LaunchTemplateCapacityReservationSpecificationArgs | None:
    capacity = settings.capacity
    if isinstance(capacity, OnDemand):
        return None
    group_arn = None if isinstance(capacity, CapacityBlock) else capacity.resource_group_arn
    return ec2.LaunchTemplateCapacityReservationSpecificationArgs(
        capacity_reservation_target=(
            ec2.LaunchTemplateCapacityReservationSpecificationCapacityReservationTargetArgs(
                capacity_reservation_id=capacity.reservation_id,
                capacity_reservation_resource_group_arn=group_arn,
            )
        )
    )
