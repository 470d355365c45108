"""Launch template and node group agree on how AWS sells the nodes.

A Capacity Block has to be named in four places, and EKS or EC2 answers a missing one
only when the first node starts, or not at all: the nodes stay away. EC2 finds no
room that is in a reservation and in a placement group that the reservation was not
made in, and reports InsufficientInstanceCapacity beside idle reserved nodes
(eksctl#7949, terraform-aws-eks#3730).
https://docs.aws.amazon.com/eks/latest/userguide/capacity-blocks-mng.html
"""

from collections.abc import Sequence

from pulumi_policy import PolicyResource, Severity, StackValidationPolicy

from policies.aws.capacity import (
    CAPACITY_BLOCK,
    CAPACITY_BLOCK_MARKET,
    RESERVATION_ID,
    RESOURCE_GROUP_ARN,
    given,
    has_reservation,
    is_capacity_block,
    is_given,
    is_reserved_in,
    names_placement_group,
    placement_group_of,
)
from policies.aws.node_groups import NODE_GROUP, of_type, template_of
from policies.reading import elements, shown
from policies.review import Config, Review, of_stack, resource


def _check(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
    for group in of_type(resources, NODE_GROUP):
        with review.reading(resource(group).place):
            template = template_of(group, resources)
            if is_capacity_block(template, group):
                _check_block(review, template, group)
            elif template is not None and has_reservation(template):
                _check_reservation(review, template, group, resources)


def _check_block(review: Review, template: PolicyResource | None, group: PolicyResource) -> None:
    in_group = resource(group).place
    if template is not None:
        _check_template_of_block(review, template)
    elif given(group, "launchTemplate") is None:
        review.refuse(
            in_group,
            found=f"capacityType {CAPACITY_BLOCK} without a launch template",
            allowed="a launch template that names the block",
            fix=f"give it one with marketType {CAPACITY_BLOCK_MARKET}, the id of the block's"
            " reservation and the instance type",
        )
    else:
        review.could_not_check(in_group, "its launch template, which the stack does not declare")
    with review.reading(in_group):
        capacity_type = given(group, "capacityType")
        if capacity_type != CAPACITY_BLOCK:
            review.refuse(
                in_group,
                found=f"capacityType {shown(capacity_type)} with a launch template for a"
                " Capacity Block",
                allowed=CAPACITY_BLOCK,
                fix=f"set capacityType to {CAPACITY_BLOCK}, or buy on demand in both places",
            )
    with review.reading(in_group):
        if types := elements(given(group, "instanceTypes")):
            review.refuse(
                in_group,
                found=f"instanceTypes {', '.join(map(shown, types))} of a Capacity Block",
                allowed="none: EKS wants the type of a block in the launch template alone",
                fix="leave instanceTypes out, and set instanceType of the launch template",
            )


def _check_template_of_block(review: Review, template: PolicyResource) -> None:
    place = resource(template).place
    with review.reading(place):
        market = given(template, "instanceMarketOptions", "marketType")
        if market != CAPACITY_BLOCK_MARKET:
            review.refuse(
                place,
                found=f"marketType {shown(market)} for a node group of a Capacity Block",
                allowed=CAPACITY_BLOCK_MARKET,
                fix=f"set instanceMarketOptions.marketType to {CAPACITY_BLOCK_MARKET}",
            )
    with review.reading(place):
        if not is_given(template, *RESERVATION_ID):
            review.refuse(
                place,
                found="no capacityReservationId for a Capacity Block",
                allowed="the id of the block's reservation",
                fix=f"set {'.'.join(RESERVATION_ID)}",
            )
    with review.reading(place):
        if is_given(template, *RESOURCE_GROUP_ARN):
            review.refuse(
                place,
                found="a resource group for a Capacity Block",
                allowed="none: blocks cannot be in resource groups",
                fix="name the block's reservation by capacityReservationId alone",
            )
    with review.reading(place):
        if not is_given(template, "instanceType"):
            review.refuse(
                place,
                found="no instanceType for a Capacity Block",
                allowed="the instance type of the block",
                fix="set instanceType of the launch template",
            )
    with review.reading(place):
        if names_placement_group(template):
            review.refuse(
                place,
                found="a placement group for a Capacity Block",
                allowed="none: a block is close together by itself",
                fix="leave placement out of the launch template",
            )


def _check_reservation(
    review: Review,
    template: PolicyResource,
    group: PolicyResource,
    resources: Sequence[PolicyResource],
) -> None:
    place = resource(template).place
    with review.reading(place):
        if is_given(template, *RESERVATION_ID) and is_given(template, *RESOURCE_GROUP_ARN):
            review.refuse(
                place,
                found="capacityReservationId and capacityReservationResourceGroupArn",
                allowed="one of the two",
                fix="name the reservation or the resource group, and leave the other out",
            )
    with review.reading(resource(group).place):
        capacity_type = given(group, "capacityType")
        if capacity_type not in (None, "ON_DEMAND"):
            review.refuse(
                resource(group).place,
                found=f"capacityType {shown(capacity_type)} with a capacity reservation",
                allowed="ON_DEMAND",
                fix="set capacityType to ON_DEMAND, or take the reservation out of the template",
            )
    placement = placement_group_of(template, resources)
    if placement is not None and not is_reserved_in(template, placement, resources):
        review.refuse(
            place,
            found=f'placement group "{placement.name}" of this stack with a capacity reservation',
            allowed="none, or the group that the reservation was made in",
            fix="leave placement out of the launch template, or name the reservation's own group",
        )


POLICY = StackValidationPolicy(
    name="aws-node-group-capacity-agrees",
    display_name="Launch template and node group buy the same capacity",
    description="A Capacity Block or a capacity reservation is named everywhere it must be, and"
    " nothing beside it contradicts it.",
    validate=of_stack(_check),
    severity=Severity.HIGH,
    tags=["aws", "capacity", "eks"],
    remediation_steps="For a Capacity Block set marketType, capacityReservationId and instanceType"
    " in the launch template and capacityType CAPACITY_BLOCK on the node group; for a reservation"
    " capacityType ON_DEMAND and no placement group but its own.",
    url="https://docs.aws.amazon.com/eks/latest/userguide/capacity-blocks-mng.html",
)
