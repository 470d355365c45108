"""Nodes with EFA stand close to each other: one zone, one cluster placement group.

EFA traffic does not leave a zone. A node group with a placement group over
several subnets is created, and then fails at every update.
https://docs.aws.amazon.com/eks/latest/userguide/node-efa.html
"""

from collections.abc import Sequence

from pulumi_policy import PolicyResource, Severity, StackValidationPolicy

from catalog.instance_types import INSTANCE_TYPES
from policies.efa import EfaTemplate, efa_templates
from policies.node_groups import instance_types_of, known_text, of_type, refers_to
from policies.reading import child, elements, shown
from policies.review import Config, Review, of_stack, resource

_PLACEMENT_GROUP = "aws:ec2/placementGroup:PlacementGroup"


def _check(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
    for template in efa_templates(review, resources):
        for group in template.node_groups:
            place = resource(group).place
            with review.reading(place):
                types = instance_types_of(group, template.template)
                if INSTANCE_TYPES.keys().isdisjoint(types):
                    continue
                with review.reading(place):
                    _check_subnets(review, group)
                # The block's own capacity is close together; a placement group as well
                # leaves EC2 with no room that satisfies both.
                if not _is_capacity_block(template, group):
                    _check_placement_group(review, template, resources)


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


def _is_capacity_block(template: EfaTemplate, group: PolicyResource) -> bool:
    return (
        known_text(group, "capacityType") == "CAPACITY_BLOCK"
        or known_text(template.template, "instanceMarketOptions", "marketType") == "capacity-block"
    )


def _check_placement_group(
    review: Review, template: EfaTemplate, resources: Sequence[PolicyResource]
) -> None:
    if (declared := _declared_placement_group(template, resources)) is not None:
        strategy = child(declared.props, "strategy")
        if strategy != "cluster":
            review.refuse(
                resource(declared).place,
                found=f"strategy {shown(strategy)}",
                allowed="cluster",
                fix="set strategy of the placement group to cluster",
            )
        return
    placement = child(template.template.props, "placement")
    name = child(placement, "groupName") or child(placement, "groupId")
    if name is None or name == "":
        review.refuse(
            template.place,
            found="no placement group",
            allowed="a placement group of strategy cluster",
            fix="create one and name it in placement.groupName",
        )
    else:
        review.could_not_check(
            template.place,
            f"strategy of placement group {shown(name)}, which the stack does not declare",
        )


def _declared_placement_group(
    template: EfaTemplate, resources: Sequence[PolicyResource]
) -> PolicyResource | None:
    for group in of_type(resources, _PLACEMENT_GROUP):
        for path, field in (
            (("placement", "groupName"), "name"),
            (("placement", "groupName"), "id"),
            (("placement", "groupId"), "placementGroupId"),
        ):
            if refers_to(template.template, path, group, field):
                return group
    return None


POLICY = StackValidationPolicy(
    name="aws-node-group-efa-placement",
    display_name="EFA nodes stand close to each other",
    description="A GPU node group with EFA has exactly one subnet and a cluster placement group.",
    validate=of_stack(_check),
    severity=Severity.HIGH,
    tags=["aws", "efa", "eks", "network"],
    remediation_steps="Give the node group one subnet, and its launch template a placement group"
    " of strategy cluster (none for a Capacity Block).",
    url="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/placement-groups.html",
)
