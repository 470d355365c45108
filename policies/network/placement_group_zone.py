"""Nodes of a cluster placement group are in one zone, with EFA or without.

A cluster placement group does not span zones: a node group over several subnets starts its
first node in one of them, and no node in any other. `efa_placement` judges groups with EFA.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/placement-strategies.html
"""

from collections.abc import Sequence

from pulumi_policy import PolicyResource, Severity, StackValidationPolicy

from policies.aws.capacity import given, names_placement_group, placement_group_of
from policies.aws.efa import efa_templates
from policies.aws.node_groups import NODE_GROUP, known_text, of_type, template_of
from policies.reading import elements
from policies.review import Config, Review, of_stack, resource

_ACROSS_ZONES = ("partition", "spread")


def _check(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
    with_efa = {each.template.urn for each in efa_templates(review, resources)}
    for group in of_type(resources, NODE_GROUP):
        place = resource(group).place
        with review.reading(place):
            template = template_of(group, resources)
            if template is None or template.urn in with_efa or not names_placement_group(template):
                continue
            # Ids may be unknown, their number is not.
            number = len(elements(given(group, "subnetIds")))
            if number <= 1:
                continue
            placement = placement_group_of(template, resources)
            if placement is None:
                name = known_text(template, "placement", "groupName")
                review.could_not_check(
                    place,
                    f"whether its {number} subnets suit placement group"
                    f" {name or 'that is not known yet'}, which the stack does not declare",
                )
            elif given(placement, "strategy") not in _ACROSS_ZONES:
                review.refuse(
                    place,
                    found=f'{number} subnets with cluster placement group "{placement.name}"',
                    allowed="exactly one",
                    fix="name the one subnet of the zone that has the capacity in subnetIds, or"
                    " leave the placement group out",
                )


POLICY = StackValidationPolicy(
    name="aws-node-group-placement-zone",
    display_name="A placement group is in one zone",
    description="A node group whose launch template names a cluster placement group has exactly"
    " one subnet.",
    validate=of_stack(_check),
    severity=Severity.HIGH,
    tags=["aws", "eks", "network"],
    remediation_steps="Give the node group one subnet, or its launch template no placement group.",
    url="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/placement-strategies.html",
)
