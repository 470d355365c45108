"""What the GPU nodes of a plan cost; the rest of a stack is in `moe preflight`."""

from dataclasses import dataclass

from catalog import prices
from catalog.cost import HOURS_PER_MONTH, NO_PRICE, Purchase
from catalog.instance_types import GpuInstanceType


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars of the nodes by the hour; None where none is known, and `note` says why."""

    usd_per_hour: float | None
    note: str

    @property
    def usd_per_month(self) -> float | None:
        return None if self.usd_per_hour is None else self.usd_per_hour * HOURS_PER_MONTH

    def usd_per_million_tokens(self, tokens_per_s: float) -> float | None:
        if self.usd_per_hour is None or tokens_per_s <= 0:
            return None
        return self.usd_per_hour / (tokens_per_s * 3600) * 1_000_000


def price_of(
    instance_type: GpuInstanceType, nodes: int, *, region: str | None, purchase: Purchase
) -> Price:
    """Of `nodes` nodes that always run."""
    if region is None:
        return Price(None, f"{NO_PRICE}: no region given")
    if purchase == "capacity_block":
        return Price(None, "a Capacity Block is paid for when it is bought, at that day's price")
    each = prices.instance_usd_per_hour(instance_type.name, region)
    if each is None:
        return Price(None, f"{NO_PRICE} for {instance_type.name} in {region}")
    note = f"on-demand price in {region} of {prices.AS_OF}"
    if purchase == "reservation":
        note += ", which a reservation costs whether it is used or not"
    return Price(each * nodes, note)
