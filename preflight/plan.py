"""What is going to be created, as far as the checks ask: a stack's name and settings.

The names are those of `__main__.py`.
"""

from dataclasses import dataclass

from catalog import instance_types
from stacks.settings import Settings
from stacks.settings.gpu_node_group import GpuNodeGroupSettings


@dataclass(frozen=True, slots=True)
class Plan:
    """One stack."""

    stack: str
    settings: Settings

    @property
    def name(self) -> str:
        """Of the VPC (as a tag) and of the cluster."""
        return f"moe-{self.stack}"

    @property
    def private_subnet_name(self) -> str:
        """Of the subnet that the GPU nodes are in."""
        return f"{self.name}-private-{self.gpu_nodes.zone}"

    @property
    def weights_name(self) -> str:
        """Of what holds the weights, the own bucket among it."""
        return f"{self.name}-weights"

    @property
    def region(self) -> str:
        return self.settings.aws.region

    @property
    def gpu_nodes(self) -> GpuNodeGroupSettings:
        return self.settings.gpu_node_group

    @property
    def instance_type(self) -> instance_types.GpuInstanceType:
        return instance_types.instance_type(self.gpu_nodes.instance_type)

    @property
    def extra_nodes_in_update(self) -> int:
        """Nodes above the others that an update needs for a while."""
        update = self.gpu_nodes.update
        return update.max_unavailable if update.strategy == "create_first" else 0
