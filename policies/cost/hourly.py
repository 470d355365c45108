"""What the resources of a stack cost by the hour: lines at the prices of `catalog/prices.py`.

A reservation is paid for whether it is used or not, so its nodes count at their largest number.
A Capacity Block is paid for when it is bought, and costs nothing by the hour.
https://aws.amazon.com/ec2/pricing/on-demand/
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pulumi_policy import PolicyResource

from catalog import cost, prices
from catalog.cost import Line
from policies.aws.capacity import given, has_reservation, is_capacity_block
from policies.aws.node_groups import (
    NODE_GROUP,
    depends_on,
    instance_types_of,
    of_type,
    template_of,
)
from policies.quantities import quantity
from policies.reading import child, elements, shown
from policies.review import UnreadableError, resource

_CLUSTER = "aws:eks/cluster:Cluster"
_INSTANCE = "aws:ec2/instance:Instance"
_NAT_GATEWAY = "aws:ec2/natGateway:NatGateway"
_ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
_RESERVATION = "aws:ec2/capacityReservation:CapacityReservation"
_NOT_PRICED = (
    "aws:autoscaling/group:Group",
    "aws:ec2/capacityBlockReservation:CapacityBlockReservation",
    "aws:ec2/fleet:Fleet",
    "aws:ec2/spotFleetRequest:SpotFleetRequest",
    "aws:ec2/spotInstanceRequest:SpotInstanceRequest",
)
_PRICED = (NODE_GROUP, _CLUSTER, _INSTANCE, _NAT_GATEWAY, _ENDPOINT, _RESERVATION)


@dataclass(frozen=True, slots=True)
class Running:
    """The resources of a stack; `size` of its node groups counts: desiredSize or maxSize."""

    resources: Sequence[PolicyResource]
    size: str

    @property
    def paid_by_the_hour(self) -> list[PolicyResource]:
        return of_type(self.resources, *_PRICED, *_NOT_PRICED)


def lines(member: PolicyResource, stack: Running) -> Iterator[Line]:
    """Of one resource of the stack; raises UnknownValueError or UnreadableError."""
    kind = member.resource_type
    if kind == NODE_GROUP:
        yield from _of_node_group(member, stack)
    elif kind == _INSTANCE:
        name = _text(given(member, "instanceType"), "instanceType")
        yield cost.line(name, 1, prices.instance_usd_per_hour(name, _region(member)))
    elif kind == _RESERVATION:
        if not any(_groups_of(member, stack)):
            name = _text(given(member, "instanceType"), "instanceType")
            count = _number(given(member, "instanceCount"), "instanceCount")
            yield cost.line(name, count, prices.instance_usd_per_hour(name, _region(member)))
    elif kind == _CLUSTER:
        yield cost.line("EKS control plane", 1, prices.eks_cluster_usd_per_hour(_region(member)))
    elif kind == _NAT_GATEWAY:
        yield cost.line("NAT gateway", 1, prices.nat_gateway_usd_per_hour(_region(member)))
    elif kind == _ENDPOINT:
        yield from _of_endpoint(member)
    else:
        yield cost.line(resource(member).kind, 1, None)


def _of_node_group(group: PolicyResource, stack: Running) -> Iterator[Line]:
    template = template_of(group, stack.resources)
    if is_capacity_block(template, group):
        return
    reserved = has_reservation(template)
    size = "maxSize" if reserved else stack.size
    count = _number(given(group, "scalingConfig", size), f"scalingConfig.{size}")
    types = instance_types_of(group, template)
    if not types:
        raise UnreadableError("which instance types it starts")
    if given(group, "capacityType") == "SPOT":
        yield cost.line(f"{', '.join(types)} of spot", count, None)
        return
    each = {name: prices.instance_usd_per_hour(name, _region(group)) for name in types}
    unpriced = [name for name, usd in each.items() if usd is None]
    if unpriced and count:
        yield cost.line(", ".join(unpriced), count, None)
        return
    # Which of several types starts is the cloud's choice: at worst the dearest.
    dearest = max(each, key=lambda name: each[name] or 0.0)
    if reserved:
        count = max([count, *_reserved_for(group, template, stack)])
    yield cost.line(dearest, count, each[dearest])


def _reserved_for(
    group: PolicyResource, template: PolicyResource | None, stack: Running
) -> Iterator[int]:
    for reservation in of_type(stack.resources, _RESERVATION):
        if template is not None and _starts_in(template, reservation):
            yield _number(given(reservation, "instanceCount"), "instanceCount")


def _groups_of(reservation: PolicyResource, stack: Running) -> Iterator[PolicyResource]:
    """Node groups that start in it, and count its instances."""
    for group in of_type(stack.resources, NODE_GROUP):
        template = template_of(group, stack.resources)
        if template is not None and _starts_in(template, reservation):
            yield group


def _starts_in(template: PolicyResource, reservation: PolicyResource) -> bool:
    return depends_on(template, "capacityReservationSpecification", reservation)


def _of_endpoint(endpoint: PolicyResource) -> Iterator[Line]:
    kind = given(endpoint, "vpcEndpointType") or "Gateway"
    if kind == "Gateway":
        return
    # Ids may be unknown, their number is not.
    zones = len(elements(given(endpoint, "subnetIds"))) or 1
    price = prices.interface_endpoint_usd_per_hour(_region(endpoint))
    yield cost.line(f"{shown(kind)} endpoint", zones, price if kind == "Interface" else None)


def _region(member: PolicyResource) -> str:
    """Its own, else that of its provider."""
    own = given(member, "region")
    if own is None and member.provider is not None:
        own = child(member.provider.props, "region")
    return _text(own, "region of it and of its provider")


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise UnreadableError(f"{name} is {shown(value)}")
    return value


def _number(value: object, name: str) -> int:
    number = quantity(value)
    if number is None or number < 0:
        raise UnreadableError(f"{name} {shown(value)} is no number")
    return int(number)
