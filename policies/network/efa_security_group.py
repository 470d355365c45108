"""Nodes with EFA may send each other anything, by a rule that names their own group.

EFA packets match only a rule that refers to the security group itself, in both
directions; an egress rule to 0.0.0.0/0 does not match them, and the handshake
ends with "unresponsive receiver".
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-start.html#efa-start-security
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pulumi_policy import PolicyResource, Severity, StackValidationPolicy
from pulumi_policy.proxy import UnknownValueError

from policies.aws.efa import EfaTemplate, efa_templates
from policies.aws.node_groups import by_text, known_text, of_type, referred, refers_to
from policies.memo import once
from policies.reading import child, elements, is_one_of, is_true, known
from policies.review import Config, Review, of_stack, resource

Direction = Literal["ingress", "egress"]

_GROUP = "aws:ec2/securityGroup:SecurityGroup"
_CLUSTER = "aws:eks/cluster:Cluster"
_OLD_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
_RULES: Mapping[Direction, str] = {
    "ingress": "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "egress": "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
}
_ALL_PROTOCOLS = frozenset({"-1", "all"})


def _check(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
    for template in efa_templates(review, resources):
        with review.reading(template.place):
            _check_template(review, template, resources)


def _check_template(
    review: Review, template: EfaTemplate, resources: Sequence[PolicyResource]
) -> None:
    # Interfaces mostly have the same groups: what is wrong with them is said once.
    refused: dict[str, list[str]] = {}
    unchecked: dict[str, list[str]] = {}
    for index, interface in enumerate(template.interfaces):
        given = _ids(interface)
        attached, elsewhere = _groups_of(given, template, resources)
        missing = {group.urn: _missing(group, resources) for group in attached}
        if not given or not all(missing.values()):
            continue  # efa_interfaces refuses an interface without groups
        if elsewhere:
            unchecked.setdefault(", ".join(elsewhere), []).append(str(index))
        else:
            found = {f'"{g.name}" without {" and ".join(missing[g.urn])}' for g in attached}
            text = ", ".join(sorted(found)) or "of the cluster alone"
            refused.setdefault(text, []).append(str(index))
    for sources, indices in unchecked.items():
        review.could_not_check(
            template.interface_place(", ".join(indices)),
            f"rules of {sources}, which is no security group of the stack",
        )
    for text, indices in refused.items():
        review.refuse(
            template.interface_place(", ".join(indices)),
            found=f"security group {text}",
            allowed="one with an ingress and an egress rule of all protocols that refer to itself",
            fix="add a SecurityGroupIngressRule and a SecurityGroupEgressRule with ipProtocol"
            ' "-1" and referencedSecurityGroupId of the group itself',
        )


def _ids(interface: Mapping[str, Any]) -> list[Any]:
    try:
        return elements(child(interface, "securityGroups"))
    except UnknownValueError as error:
        return [error]


def _groups_of(
    given: Sequence[Any], template: EfaTemplate, resources: Sequence[PolicyResource]
) -> tuple[list[PolicyResource], list[str]]:
    """Groups of the stack among the ids of an interface, and what its other ids are.

    The cluster's own group is neither: its rules are EKS's, which may change them.
    """
    by_id = by_text(resources, _GROUP, "id")
    clusters = {
        known_text(cluster, "vpcConfig", "clusterSecurityGroupId")
        for cluster in of_type(resources, _CLUSTER)
    }
    literal = [value for value in given if isinstance(value, str)]
    attached = [group for value in literal for group in by_id.get(value, [])]
    strangers = [value for value in literal if value not in by_id and value not in clusters]
    unknown = any(isinstance(value, UnknownValueError) for value in given)
    if not unknown and not strangers:
        return attached, []
    # All that is known of these is whose outputs the template takes.
    taken = [
        source for source in of_type(_sources(template), _GROUP) if known_text(source, "id") is None
    ]
    if unknown:
        sources = [] if attached or taken else _other_sources(template)
        return attached + taken, strangers + sources
    return attached + taken, [] if taken else strangers


def _sources(template: EfaTemplate) -> list[PolicyResource]:
    """Resources whose outputs the interfaces take."""
    return template.template.property_dependencies.get("networkInterfaces", [])


def _other_sources(template: EfaTemplate) -> list[str]:
    """Resources that unknown ids come from, other than security groups and clusters."""
    sources = [s for s in _sources(template) if s.resource_type not in (_GROUP, _CLUSTER)]
    return [resource(source).place.text for source in sources]


def _missing(group: PolicyResource, resources: Sequence[PolicyResource]) -> list[str]:
    """The directions in which `group` does not admit itself."""
    directions: tuple[Direction, ...] = ("ingress", "egress")
    return [
        f"self-referencing {direction} of all protocols"
        for direction in directions
        if not _has_inline_rule(group, direction)
        and group.urn not in _admitted(resources, direction)
    ]


def _has_inline_rule(group: PolicyResource, direction: Direction) -> bool:
    try:
        rules = [known(rule) for rule in elements(child(group.props, direction))]
        return any(
            is_one_of(child(rule, "protocol"), _ALL_PROTOCOLS) and is_true(child(rule, "self"))
            for rule in rules
        )
    except UnknownValueError:
        # Rules inside a group are computed where they are resources of their own.
        return False


@once
def _admitted(resources: Sequence[PolicyResource], direction: Direction) -> frozenset[str]:
    """URNs of the groups that a rule of its own admits to themselves."""
    rules = of_type(resources, _RULES[direction], _OLD_RULE)
    return frozenset(group.urn for rule in rules for group in _of_rule(rule, direction, resources))


def _of_rule(
    rule: PolicyResource, direction: Direction, resources: Sequence[PolicyResource]
) -> list[PolicyResource]:
    """The groups that `rule` admits to themselves."""
    is_old = rule.resource_type == _OLD_RULE
    if is_old and known_text(rule, "type") != direction:
        return []
    if known_text(rule, "protocol" if is_old else "ipProtocol") not in _ALL_PROTOCOLS:
        return []
    groups = referred(rule, ("securityGroupId",), resources, _GROUP)
    if is_old and _is_to_self(rule):
        return groups
    other = "sourceSecurityGroupId" if is_old else "referencedSecurityGroupId"
    return [group for group in groups if refers_to(rule, (other,), group)]


def _is_to_self(rule: PolicyResource) -> bool:
    try:
        return is_true(child(rule.props, "self"))
    except UnknownValueError:
        return False


POLICY = StackValidationPolicy(
    name="aws-security-group-efa-self-traffic",
    display_name="EFA nodes may reach each other",
    description="Every EFA interface has a security group that admits all traffic from and to"
    " itself.",
    validate=of_stack(_check),
    severity=Severity.HIGH,
    tags=["aws", "efa", "eks", "network"],
    remediation_steps="Give the nodes a security group of their own with one ingress and one"
    " egress rule of protocol -1 that refer to the group itself.",
    url="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-start.html",
)
