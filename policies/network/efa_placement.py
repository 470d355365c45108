"""Nodes with EFA stand close to each other: one zone, one cluster placement group.

EFA traffic does not leave a zone. A node group with a placement group over
several subnets is created, and then fails at every update. Where a reservation or
a Capacity Block says where the nodes are, `capacity_agrees` judges its placement
group; one node alone has no neighbour to stand close to.
https://docs.aws.amazon.com/eks/latest/userguide/node-efa.html
"""

from collections.abc import Sequence

from pulumi_policy import PolicyResource, Severity, StackValidationPolicy

from catalog.instance_types import INSTANCE_TYPES
from policies.aws.capacity import (
    given,
    has_reservation,
    is_capacity_block,
    names_placement_group,
    placement_group_of,
)
from policies.aws.efa import efa_templates
from policies.aws.node_groups import instance_types_of, known_text
from policies.quantities import quantity
from policies.reading import child, elements, shown
from policies.review import Config, Review, UnreadableError, of_stack, resource


def _check(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
    for efa in efa_templates(review, resources):
        for group in efa.node_groups:
            place = resource(group).place
            with review.reading(place):
                types = instance_types_of(group, efa.template)
                if INSTANCE_TYPES.keys().isdisjoint(types):
                    continue
                with review.reading(place):
                    _check_subnets(review, group)
                _check_placement_group(review, efa.template, group, resources)


def _check_subnets(review: Review, group: PolicyResource) -> None:
    # Ids may be unknown, their number is not.
    number = len(elements(child(group.props, "subnetIds")))
    if number != 1:
        review.refuse(
            resource(group).place,
            found=f"{number} subnets",
            allowed="exactly one",
            fix="name the one subnet of the zone that has the capacity in subnetIds",
        )


def _check_placement_group(
    review: Review,
    template: PolicyResource,
    group: PolicyResource,
    resources: Sequence[PolicyResource],
) -> None:
    if (placement := placement_group_of(template, resources)) is not None:
        strategy = child(placement.props, "strategy")
        if strategy != "cluster":
            review.refuse(
                resource(placement).place,
                found=f"strategy {shown(strategy)}",
                allowed="cluster",
                fix="set strategy of the placement group to cluster",
            )
    elif names_placement_group(template):
        name = known_text(template, "placement", "groupName")
        review.could_not_check(
            resource(template).place,
            f"strategy of placement group {name or 'that is not known yet'},"
            " which the stack does not declare",
        )
    elif (
        not has_reservation(template)
        and not is_capacity_block(template, group)
        and _most_nodes(group) > 1
    ):
        review.refuse(
            resource(template).place,
            found=f"no placement group for up to {_most_nodes(group)} nodes on demand",
            allowed="a placement group of strategy cluster",
            fix="create one and name it in placement.groupName",
        )


def _most_nodes(group: PolicyResource) -> int:
    size = given(group, "scalingConfig", "maxSize")
    if (number := quantity(size)) is None:
        raise UnreadableError(f"scalingConfig.maxSize {shown(size)} is no number")
    return int(number)


POLICY = StackValidationPolicy(
    name="aws-node-group-efa-placement",
    display_name="EFA nodes stand close to each other",
    description="A GPU node group with EFA has exactly one subnet, and a cluster placement group"
    " where it has several nodes on demand.",
    validate=of_stack(_check),
    severity=Severity.HIGH,
    tags=["aws", "efa", "eks", "network"],
    remediation_steps="Give the node group one subnet, and its launch template a placement group"
    " of strategy cluster (none for a Capacity Block).",
    url="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/placement-groups.html",
)
