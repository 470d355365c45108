"""What a stack costs by its settings, at the least, the first and the largest number of nodes."""

from catalog import cost
from catalog.cost import Cost
from catalog.vpc_endpoints import INTERFACE_ENDPOINTS
from stacks.settings import Settings

AT = ("min_nodes", "desired_nodes", "max_nodes")


def stack_cost(settings: Settings) -> dict[str, Cost]:
    """A cost for each of AT."""
    gpus, cluster, network = settings.gpu_node_group, settings.cluster, settings.network
    zones = len(network.zones)
    gateways = {"none": 0, "one": 1, "one_per_zone": zones}[network.nat_gateways]
    return {
        at: cost.cost(
            region=settings.aws.region,
            instance_type=gpus.instance_type,
            gpu_nodes=getattr(gpus, at),
            purchase=gpus.capacity.kind,
            # How many are reserved is known to AWS alone; max_nodes is what should be.
            reserved_nodes=gpus.max_nodes,
            system_instance_type=cluster.system_instance_type,
            system_nodes=cluster.system_nodes,
            nat_gateways=gateways,
            interface_endpoints=zones * len(INTERFACE_ENDPOINTS),
        )
        for at in AT
    }
