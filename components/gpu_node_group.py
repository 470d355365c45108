"""Nodes of eight GPUs with EFA: one zone, one launch template, capacity as the settings say."""

from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2, eks, vpc

from catalog import efa_layout, gpu_nodes
from components import worker_nodes
from components.child_options import child_options
from components.gpu_launch_template import launch_template
from stacks.settings.gpu_node_group import (
    CapacityBlock,
    CreatedPlacementGroup,
    ExistingPlacementGroup,
    GpuNodeGroupSettings,
)

_EKS_EFFECTS = {
    "NoSchedule": "NO_SCHEDULE",
    "PreferNoSchedule": "PREFER_NO_SCHEDULE",
    "NoExecute": "NO_EXECUTE",
}
_UPDATE_STRATEGIES = {"create_first": "DEFAULT", "terminate_first": "MINIMAL"}
_MINUTES_PER_NODE = 45
"""To drain an engine, end a node and start the next one: an 8-GPU instance takes its time."""


@dataclass(frozen=True, slots=True)
class GpuNodeGroupArgs:
    """`subnet_id` is the private subnet of `settings.zone`."""

    settings: GpuNodeGroupSettings
    home: worker_nodes.NodeHome
    subnet_id: pulumi.Input[str]


class GpuNodeGroup(pulumi.ComponentResource):
    """Outputs: the node group, its placement group, and the EFA interfaces of a node."""

    node_group: eks.NodeGroup
    node_group_name: pulumi.Output[str]
    placement_group_name: pulumi.Output[str | None]
    """What an instance must name to stand beside these nodes."""
    efa_interfaces: int

    def __init__(
        self, name: str, args: GpuNodeGroupArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("moe-serving:index:GpuNodeGroup", name, None, opts)
        self._name = name
        self._args = args
        self._child = child_options(self, opts)
        settings = args.settings
        self.efa_interfaces = efa_layout.efa_count(settings.interfaces())

        security_group_ids = [args.home.security_group_id]
        if settings.efa.enabled:
            security_group_ids.append(self._efa_security_group().id)
        placement_group_name = self._placement_group_name()
        template = launch_template(
            name,
            settings,
            security_group_ids=security_group_ids,
            placement_group_name=placement_group_name,
            volume_kms_key_arn=args.home.volume_kms_key_arn,
            tags=args.home.tags,
            opts=self._child,
        )
        self.node_group = self._node_group(template)
        self.node_group_name = self.node_group.node_group_name
        self.placement_group_name = pulumi.Output.from_input(placement_group_name)
        self.register_outputs(
            {
                "node_group_name": self.node_group_name,
                "placement_group_name": self.placement_group_name,
                "efa_interfaces": self.efa_interfaces,
            }
        )

    def _node_group(self, template: ec2.LaunchTemplate) -> eks.NodeGroup:
        args, settings = self._args, self._args.settings
        role, attachments = worker_nodes.node_role(self._name, self)
        is_block = isinstance(settings.capacity, CapacityBlock)
        return eks.NodeGroup(
            self._name,
            cluster_name=args.home.cluster_name,
            node_role_arn=role.arn,
            # Exactly one: EFA traffic does not cross zones, nor does a placement group.
            subnet_ids=[args.subnet_id],
            ami_type="AL2023_x86_64_NVIDIA",
            release_version=settings.ami_release_version,
            capacity_type="CAPACITY_BLOCK" if is_block else "ON_DEMAND",
            instance_types=None if is_block else [settings.instance_type],
            launch_template=eks.NodeGroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(str)
            ),
            scaling_config=eks.NodeGroupScalingConfigArgs(
                min_size=settings.min_nodes,
                desired_size=settings.desired_nodes,
                max_size=settings.max_nodes,
            ),
            update_config=eks.NodeGroupUpdateConfigArgs(
                max_unavailable=settings.update.max_unavailable,
                update_strategy=_UPDATE_STRATEGIES[settings.update.strategy],
            ),
            node_repair_config=eks.NodeGroupNodeRepairConfigArgs(enabled=settings.node_repair),
            labels=settings.all_labels(),
            taints=[
                eks.NodeGroupTaintArgs(
                    key=gpu_nodes.TAINT_KEY,
                    value=gpu_nodes.TAINT_VALUE,
                    effect=_EKS_EFFECTS[gpu_nodes.TAINT_EFFECT],
                ),
                *(
                    eks.NodeGroupTaintArgs(
                        key=taint.key,
                        value=taint.value or None,
                        effect=_EKS_EFFECTS[taint.effect],
                    )
                    for taint in settings.taints
                ),
            ],
            opts=pulumi.ResourceOptions.merge(
                self._child,
                pulumi.ResourceOptions(
                    depends_on=attachments,
                    # The autoscaler's number; ours is only the first one.
                    ignore_changes=["scalingConfig.desiredSize"],
                    # Two groups at once would need twice the scarce nodes.
                    delete_before_replace=True,
                    custom_timeouts=pulumi.CustomTimeouts(
                        create="60m",
                        update=f"{60 + _MINUTES_PER_NODE * settings.max_nodes}m",
                        delete="60m",
                    ),
                ),
            ),
        )

    def _efa_security_group(self) -> ec2.SecurityGroup:
        """EFA needs all traffic in and out that names the group itself.

        An egress rule to 0.0.0.0/0 does not match its packets: the handshake
        fails with "unresponsive receiver".
        """
        group = ec2.SecurityGroup(
            f"{self._name}-efa",
            description="EFA traffic between the nodes of one group",
            vpc_id=self._args.home.vpc_id,
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

    def _placement_group_name(self) -> pulumi.Input[str] | None:
        match self._args.settings.placement():
            case CreatedPlacementGroup():
                return ec2.PlacementGroup(self._name, strategy="cluster", opts=self._child).name
            case ExistingPlacementGroup(name=name):
                return name
            case _:
                return None
