"""How AWS sells the nodes of a group, and where EC2 has to place them.

On demand, from a capacity reservation, or as a Capacity Block; in a placement group
or in none. Launch template and node group each say a part of it.
"""

from collections.abc import Iterable

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UnknownValueError

from policies.aws.node_groups import depends_on, of_type, referred, refers_to
from policies.declared import declared
from policies.reading import child

CAPACITY_BLOCK = "CAPACITY_BLOCK"
CAPACITY_BLOCK_MARKET = "capacity-block"

TARGET = ("capacityReservationSpecification", "capacityReservationTarget")
RESERVATION_ID = (*TARGET, "capacityReservationId")
RESOURCE_GROUP_ARN = (*TARGET, "capacityReservationResourceGroupArn")

_PLACEMENT_GROUP = "aws:ec2/placementGroup:PlacementGroup"
_CAPACITY_RESERVATION = "aws:ec2/capacityReservation:CapacityReservation"


def given(resource: PolicyResource | None, *path: str) -> object:
    """What the program declared at `path`; None for nothing, and for empty text."""
    value = child(declared(resource) if resource is not None else None, *path)
    return None if value == "" else value


def is_given(resource: PolicyResource | None, *path: str) -> bool:
    """Whether there is a value at `path`, be it one that is not known yet."""
    inside = given(resource, *path[:-1])
    try:
        return child(inside, path[-1]) not in (None, "")
    except UnknownValueError:
        return True


def is_capacity_block(template: PolicyResource | None, group: PolicyResource) -> bool:
    """Whether either of the two says so; `capacity_agrees` sees that both do."""
    market = given(template, "instanceMarketOptions", "marketType")
    return market == CAPACITY_BLOCK_MARKET or given(group, "capacityType") == CAPACITY_BLOCK


def has_reservation(template: PolicyResource | None) -> bool:
    """Whether nodes start in a reservation, or in a resource group of them, and nowhere else."""
    return is_given(template, *RESERVATION_ID) or is_given(template, *RESOURCE_GROUP_ARN)


def placement_group_of(
    template: PolicyResource, resources: Iterable[PolicyResource]
) -> PolicyResource | None:
    """The placement group of the stack that the template names."""
    for path, field in (
        (("placement", "groupName"), "name"),
        (("placement", "groupName"), "id"),
        (("placement", "groupId"), "placementGroupId"),
    ):
        if found := referred(template, path, resources, _PLACEMENT_GROUP, field):
            return found[0]
    return None


def names_placement_group(template: PolicyResource | None) -> bool:
    return is_given(template, "placement", "groupName") or is_given(
        template, "placement", "groupId"
    )


def is_reserved_in(
    template: PolicyResource, placement: PolicyResource, resources: Iterable[PolicyResource]
) -> bool:
    """Whether the stack makes the template's reservation itself, in that placement group."""
    return any(
        depends_on(template, TARGET[0], reservation)
        and refers_to(reservation, ("placementGroupArn",), placement, "arn")
        for reservation in of_type(resources, _CAPACITY_RESERVATION)
    )
