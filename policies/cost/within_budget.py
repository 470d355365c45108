"""The stack costs no more by the hour than its budget.

The budget is the stack's own (section `budget`), or the platform team's for all stacks
(`usdPerHour`); without either nothing is judged. Counted is what `catalog/prices.py` has a
price for; a reservation is paid for whether it is used or not, so its nodes count at their
largest number. A Capacity Block is paid for when it is bought, and costs nothing by the hour.
https://aws.amazon.com/ec2/pricing/on-demand/
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pulumi_policy import PolicyConfigSchema, PolicyResource, Severity, StackValidationPolicy
from pydantic import ValidationError

from catalog import cost, prices
from catalog.budget import Budget
from catalog.cost import Line
from policies import stack_config
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
from policies.review import Config, Place, Review, UnreadableError, of_stack, resource

_SECTION = "budget"
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
_SIZES = {"desired_nodes": "desiredSize", "max_nodes": "maxSize"}


@dataclass(frozen=True, slots=True)
class _Stack:
    """Its resources, and which size of its node groups counts."""

    resources: Sequence[PolicyResource]
    size: str


def _check(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
    place = Place("the stack", "")
    if (budget := _budget(review, place, config)) is None:
        return
    stack = _Stack(resources, _SIZES[budget.at])
    lines: list[Line] = []
    for member in of_type(resources, *_PRICED, *_NOT_PRICED):
        here = resource(member).place
        with review.reading(here):
            for line in _lines(member, stack):
                if line.usd_per_hour is None:
                    review.could_not_check(here, f"what {line.what} costs: {cost.NO_PRICE}")
                lines.append(line)
    usd_per_hour = sum(line.usd_per_hour or 0.0 for line in lines)
    if usd_per_hour > budget.usd_per_hour:
        dearest = max(lines, key=lambda line: line.usd_per_hour or 0.0)
        review.refuse(
            place,
            found=f"{usd_per_hour:.2f} {prices.CURRENCY} an hour at {budget.at}, of which"
            f" {dearest.usd_per_hour or 0.0:.2f} for {dearest.count} {dearest.what}",
            allowed=f"{budget.usd_per_hour:.2f} at prices of {prices.AS_OF}",
            fix="take fewer or smaller nodes, or have the owner of the budget raise it",
        )


def _budget(review: Review, place: Place, config: Config) -> Budget | None:
    """The stack's, else that of the policy configuration."""
    section = stack_config.section(_SECTION)
    if section is None and config.get("usdPerHour") is not None:
        section = {"usd_per_hour": config.get("usdPerHour")}
    if section is None:
        return None
    try:
        return Budget.model_validate(section)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join((_SECTION, *map(str, first["loc"])))
        review.refuse(
            place,
            found=f"{where} {shown(first['input'])} ({first['msg']})",
            allowed="usd_per_hour above 0, and at: desired_nodes or max_nodes",
            fix="correct the section of the stack's file",
        )
        return None


def _lines(member: PolicyResource, stack: _Stack) -> Iterator[Line]:
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


def _of_node_group(group: PolicyResource, stack: _Stack) -> Iterator[Line]:
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
    group: PolicyResource, template: PolicyResource | None, stack: _Stack
) -> Iterator[int]:
    for reservation in of_type(stack.resources, _RESERVATION):
        if template is not None and _starts_in(template, reservation):
            yield _number(given(reservation, "instanceCount"), "instanceCount")


def _groups_of(reservation: PolicyResource, stack: _Stack) -> Iterator[PolicyResource]:
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


POLICY = StackValidationPolicy(
    name="aws-stack-within-budget",
    display_name="The stack keeps its budget",
    description="What the stack runs by the hour costs no more than the budget of its file, or"
    " than that of the policy configuration.",
    validate=of_stack(_check),
    severity=Severity.MEDIUM,
    tags=["aws", "cost", "eks"],
    remediation_steps="Lower max_nodes, choose a smaller instance type, or have the owner of the"
    " budget raise budget.usd_per_hour in the stack's file.",
    url="https://aws.amazon.com/ec2/pricing/on-demand/",
    config_schema=PolicyConfigSchema(
        properties={
            "usdPerHour": {
                "type": "number",
                "description": "Budget of a stack whose file has none, in US dollars an hour at"
                " the largest number of nodes.",
                "exclusiveMinimum": 0,
            }
        }
    ),
)
