"""Calls that moto 5.2.5 lacks and that a look at an account before `pulumi up` makes.

Each part is added to moto's own classes as moto's own parts are, so what it holds is held for an
account and a region and goes with a reset. It fits the moto version that the lock file pins.
"""

from sandbox.aws_server.additions import (
    capacity_reservations,
    eks_images,
    placement_groups,
    resource_groups,
    service_quotas,
)
from sandbox.aws_server.additions.capacity_reservations import seed_capacity_reservation
from sandbox.aws_server.additions.service_quotas import set_service_quota

__all__ = ["install", "seed_capacity_reservation", "set_service_quota"]


def install() -> None:
    """Teach moto the calls. May be called again; a server must not have served anything before."""
    capacity_reservations.install()
    placement_groups.install()
    eks_images.install()
    service_quotas.install()
    resource_groups.install()
