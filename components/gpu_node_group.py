"""Nodes of eight A100s with EFA: one zone, one placement group, one launch template."""

import base64
from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2, eks, vpc

from catalog import gpu_nodes, instance_types
from components import worker_nodes
from stacks.settings import GpuNodeGroupSettings

# nodeadm joins the eight local NVMe disks and moves containerd and the kubelet there:
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


@dataclass(frozen=True, slots=True)
class GpuNodeGroupArgs:
    """`subnet_id` is the private subnet of `settings.zone`."""

    settings: GpuNodeGroupSettings
    cluster_name: pulumi.Input[str]
    cluster_security_group_id: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    subnet_id: pulumi.Input[str]


class GpuNodeGroup(pulumi.ComponentResource):
    """Outputs: the node group, and how many EFA interfaces each of its nodes has."""

    node_group: eks.NodeGroup
    node_group_name: pulumi.Output[str]
    efa_interfaces: int

    def __init__(
        self, name: str, args: GpuNodeGroupArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("moe-serving:index:GpuNodeGroup", name, None, opts)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        settings = args.settings
        self.efa_interfaces = instance_types.instance_type(settings.instance_type).network_cards

        role, attachments = worker_nodes.node_role(name, self)
        template = self._launch_template(self._efa_security_group())
        self.node_group = eks.NodeGroup(
            name,
            cluster_name=args.cluster_name,
            node_role_arn=role.arn,
            # Exactly one: EFA traffic does not cross zones, nor does a placement group.
            subnet_ids=[args.subnet_id],
            ami_type="AL2023_x86_64_NVIDIA",
            release_version=settings.ami_release_version,
            capacity_type="ON_DEMAND",
            instance_types=[settings.instance_type],
            launch_template=eks.NodeGroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(str)
            ),
            scaling_config=eks.NodeGroupScalingConfigArgs(
                min_size=settings.min_nodes,
                desired_size=settings.desired_nodes,
                max_size=settings.max_nodes,
            ),
            update_config=eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
            node_repair_config=eks.NodeGroupNodeRepairConfigArgs(enabled=True),
            labels=dict(gpu_nodes.NODE_LABELS),
            taints=[
                eks.NodeGroupTaintArgs(
                    key=gpu_nodes.TAINT_KEY, value=gpu_nodes.TAINT_VALUE, effect="NO_SCHEDULE"
                )
            ],
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=attachments,
                # The autoscaler's number; ours is only the first one.
                ignore_changes=["scalingConfig.desiredSize"],
                # Two groups at once would need twice the scarce nodes.
                delete_before_replace=True,
                custom_timeouts=pulumi.CustomTimeouts(create="60m", update="120m", delete="60m"),
            ),
        )
        self.node_group_name = self.node_group.node_group_name
        self.register_outputs(
            {
                "node_group_name": self.node_group_name,
                "efa_interfaces": self.efa_interfaces,
            }
        )

    def _efa_security_group(self) -> ec2.SecurityGroup:
        """EFA needs all traffic in and out that names the group itself.

        An egress rule to 0.0.0.0/0 does not match its packets: the handshake
        fails with "unresponsive receiver".
        """
        group = ec2.SecurityGroup(
            f"{self._name}-efa",
            description="EFA traffic between the nodes of one group",
            vpc_id=self._args.vpc_id,
            tags={"Name": f"{self._name}-efa"},
            opts=self._child,
        )
        vpc.SecurityGroupIngressRule(
            f"{self._name}-efa-self",
            security_group_id=group.id,
            referenced_security_group_id=group.id,
            ip_protocol="-1",
            opts=self._child,
        )
        vpc.SecurityGroupEgressRule(
            f"{self._name}-efa-self",
            security_group_id=group.id,
            referenced_security_group_id=group.id,
            ip_protocol="-1",
            opts=self._child,
        )
        return group

    def _launch_template(self, efa: ec2.SecurityGroup) -> ec2.LaunchTemplate:
        placement = ec2.PlacementGroup(self._name, strategy="cluster", opts=self._child)
        return ec2.LaunchTemplate(
            self._name,
            network_interfaces=[
                self._interface(card, [self._args.cluster_security_group_id, efa.id])
                for card in range(self.efa_interfaces)
            ],
            placement=ec2.LaunchTemplatePlacementArgs(group_name=placement.name),
            block_device_mappings=[worker_nodes.root_volume(self._args.settings.root_volume_gib)],
            metadata_options=worker_nodes.metadata_options(),
            user_data=_base64(_NODE_CONFIG),
            tag_specifications=worker_nodes.tag_specifications(self._name),
            update_default_version=True,
            opts=self._child,
        )

    def _interface(
        self, card: int, security_groups: list[pulumi.Input[str]]
    ) -> ec2.LaunchTemplateNetworkInterfaceArgs:
        """One EFA a network card; only the first carries IP addresses.

        The subnet is the node group's to give: EKS refuses a template that has one.
        """
        return ec2.LaunchTemplateNetworkInterfaceArgs(
            network_card_index=card,
            device_index=0 if card == 0 else 1,
            interface_type="efa" if card == 0 else "efa-only",
            security_groups=security_groups,
            associate_public_ip_address="false",
            delete_on_termination="true",
            description=f"{self._name} card {card}",
        )


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
