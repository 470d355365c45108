"""What a stack costs by the hour, at one number of GPU nodes.

Counted is what runs by the hour; NOT_COUNTED is what depends on use.
"""

from dataclasses import dataclass
from typing import Literal

from catalog import instance_types, prices

HOURS_PER_MONTH = 730
NO_PRICE = "no price in the catalogue"
NOT_COUNTED = "volumes, logs, data transfer and the storage of weights"

Purchase = Literal["on_demand", "reservation", "capacity_block"]


@dataclass(frozen=True, slots=True)
class Line:
    """`count` of one thing; `usd_per_hour` is of all of them, None where no price is known."""

    what: str
    count: int
    usd_per_hour: float | None


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a stack with `gpu_nodes` nodes; the first line is that of these nodes."""

    gpu_nodes: int
    gpu_hours_per_hour: int
    lines: tuple[Line, ...]
    note: str

    @property
    def usd_per_hour(self) -> float | None:
        """Sum of the lines that have a price; None where the GPU nodes have none.

        A smaller thing with no price is left out, and `without` names it.
        """
        if self.lines[0].usd_per_hour is None:
            return None
        return sum(line.usd_per_hour or 0.0 for line in self.lines)

    @property
    def usd_per_month(self) -> float | None:
        return None if self.usd_per_hour is None else self.usd_per_hour * HOURS_PER_MONTH

    @property
    def without(self) -> tuple[str, ...]:
        """What has no price in the catalogue and is therefore in no sum."""
        return tuple(line.what for line in self.lines if line.usd_per_hour is None)


def cost(
    *,
    region: str,
    instance_type: str,
    gpu_nodes: int,
    purchase: Purchase,
    reserved_nodes: int = 0,
    system_instance_type: str,
    system_nodes: int,
    nat_gateways: int,
    interface_endpoints: int,
) -> Cost:
    """The cost of a stack in `region` while `gpu_nodes` run.

    `reserved_nodes` are paid for at the on-demand price whether they run or not (purchase
    `reservation`); `interface_endpoints` counts each endpoint once for each of its zones.
    """
    gpu = instance_types.instance_type(instance_type)
    paid_nodes, gpu_price, note = gpu_nodes, prices.instance_usd_per_hour(gpu.name, region), ""
    if purchase == "reservation":
        paid_nodes = max(gpu_nodes, reserved_nodes)
        note = f"a reservation is paid for whether it is used or not: {paid_nodes} nodes"
    elif purchase == "capacity_block":
        gpu_price = None
        note = "a Capacity Block is paid for when it is bought, at the price of that day"
    lines = [
        line(f"GPU nodes, {gpu.name}", paid_nodes, gpu_price),
        line(
            f"system nodes, {system_instance_type}",
            system_nodes,
            prices.instance_usd_per_hour(system_instance_type, region),
        ),
        line("EKS control plane", 1, prices.eks_cluster_usd_per_hour(region)),
        line("NAT gateways", nat_gateways, prices.nat_gateway_usd_per_hour(region)),
        line(
            "interface endpoints, per zone",
            interface_endpoints,
            prices.interface_endpoint_usd_per_hour(region),
        ),
    ]
    some = [lines[0], *(line for line in lines[1:] if line.count)]
    return Cost(gpu_nodes, gpu_nodes * gpu.gpu_count, tuple(some), note)


def line(what: str, count: int, usd_each: float | None) -> Line:
    """`count` of what costs `usd_each` an hour, None where no price is known."""
    return Line(what, count, None if usd_each is None else count * usd_each)
