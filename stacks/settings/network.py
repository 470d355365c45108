"""The VPC."""

from ipaddress import IPv4Network
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from catalog.section import Section
from stacks.settings.section import Zone, refused


class NetworkSettings(Section):
    """The VPC."""

    cidr_block: IPv4Network
    """Address range of the VPC, /16 to /20; each zone gets a private and a small public part."""
    zones: Annotated[tuple[Zone, ...], Field(min_length=2, max_length=4)]
    """Availability zones with subnets; EKS wants two or more for its control plane."""
    nat_gateways: Literal["none", "one", "one_per_zone"] = "one"
    """How private subnets reach the internet; `none` leaves only the VPC endpoints, so that
    images and weights must come from inside AWS."""

    def eighths(self) -> list[IPv4Network]:
        """The parts of the VPC: one a zone for nodes, the last for what is public."""
        return list(self.cidr_block.subnets(prefixlen_diff=3))

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not 16 <= self.cidr_block.prefixlen <= 20:
            raise refused("cidr_block", self.cidr_block, "an IPv4 range from /16 to /20")
        if len(set(self.zones)) != len(self.zones):
            raise refused("zones", list(self.zones), "each zone once")
        return self
