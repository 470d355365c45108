"""EFA interfaces fit the instance type: one a network card, in a layout that EC2 starts.

The first interface carries the node's address, so it cannot be `efa-only`; with
several interfaces EC2 assigns no public address, and EKS refuses a template that
names a subnet. https://docs.aws.amazon.com/eks/latest/userguide/node-efa.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pulumi_policy import PolicyResource, Severity, StackValidationPolicy

from catalog.instance_types import INSTANCE_TYPES
from policies.efa import EFA_TYPES, EfaTemplate, efa_templates
from policies.node_groups import may_have_gpus
from policies.quantities import quantity
from policies.reading import child, elements, is_one_of, is_true, shown
from policies.review import Config, Place, Review, UnreadableError, of_stack

_LAYOUTS = (
    "card 0 device 0 `efa` and the other cards device 1 `efa` or `efa-only`;"
    " or card 0 device 0 `interface`, card 0 device 1 and the other cards device 0 `efa-only`"
)


def _check(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
    for template in efa_templates(review, resources):
        for index, interface in enumerate(template.interfaces):
            _check_interface(review, template.interface_place(index), interface)
        with review.reading(template.place):
            _check_top_level_groups(review, template)
        if not template.complete:
            continue
        with review.reading(template.place):
            _check_layout(review, template)
        with review.reading(template.place):
            _check_count(review, template)


def _check_interface(review: Review, place: Place, interface: Mapping[str, Any]) -> None:
    with review.reading(place):
        if is_true(child(interface, "associatePublicIpAddress")):
            review.refuse(
                place,
                found="associatePublicIpAddress true",
                allowed="false",
                fix="leave it out, and put the nodes in a private subnet",
            )
    with review.reading(place):
        if (subnet := child(interface, "subnetId")) not in (None, ""):
            review.refuse(
                place,
                found=f"subnetId {shown(subnet)}",
                allowed="none",
                fix="give the subnet to the node group (subnetIds)",
            )
    with review.reading(place):
        if not elements(child(interface, "securityGroups")):
            review.refuse(
                place,
                found="no securityGroups",
                allowed="the security groups of the node, on every interface",
                fix="set securityGroups on this interface",
            )


def _check_top_level_groups(review: Review, template: EfaTemplate) -> None:
    if elements(child(template.template.props, "vpcSecurityGroupIds")):
        review.refuse(
            template.place,
            found="vpcSecurityGroupIds beside networkInterfaces",
            allowed="security groups on the interfaces alone",
            fix="move them to securityGroups of each interface",
        )


def _check_count(review: Review, template: EfaTemplate) -> None:
    number = sum(is_one_of(child(i, "interfaceType"), EFA_TYPES) for i in template.interfaces)
    names = template.instance_types()
    if not names:
        review.could_not_check(
            template.place,
            f"whether {number} EFA interfaces are right: no node group of the stack uses it,"
            " and it names no instance type",
        )
    for name in names:
        if name not in INSTANCE_TYPES:
            why = "is not in the catalogue" if may_have_gpus(name) else "is no GPU instance type"
            review.could_not_check(
                template.place,
                f"whether {number} EFA interfaces are right: {shown(name)} {why}",
            )
        elif number != (cards := INSTANCE_TYPES[name].network_cards):
            review.refuse(
                template.place,
                found=f"{number} EFA interfaces",
                allowed=f"{cards}, the network cards of {name}",
                fix=f"declare one EFA interface for each of the cards 0 to {cards - 1}",
            )


def _check_layout(review: Review, template: EfaTemplate) -> None:
    places: list[tuple[int, int, str]] = []
    for index, interface in enumerate(template.interfaces):
        with review.reading(template.interface_place(index)):
            places.append(_position(interface))
    if len(places) == len(template.interfaces) and not _is_allowed(places):
        found = ", ".join(f"card {card} device {dev} `{kind}`" for card, dev, kind in places)
        review.refuse(
            template.place,
            found=found,
            allowed=_LAYOUTS,
            fix="set networkCardIndex, deviceIndex and interfaceType of each interface so",
        )


def _position(interface: Mapping[str, Any]) -> tuple[int, int, str]:
    """Network card, device and type; an index that is left out is 0 to EC2."""
    indices = []
    for field in ("networkCardIndex", "deviceIndex"):
        value = child(interface, field)
        number = quantity(0 if value is None else value)
        if number is None or not 0 <= number <= 127 or number % 1:
            raise UnreadableError(f"{field} {shown(value)} is no index")
        indices.append(int(number))
    return indices[0], indices[1], shown(child(interface, "interfaceType") or "interface")


def _is_allowed(places: Sequence[tuple[int, int, str]]) -> bool:
    cards = sorted({card for card, _, _ in places})
    if cards != list(range(len(cards))):
        return False
    others = range(1, len(cards))
    kinds = {(card, device): kind for card, device, kind in places}
    if len(kinds) != len(places):
        return False
    if kinds.get((0, 0)) == "efa":
        return set(kinds) == {(0, 0), *((card, 1) for card in others)} and all(
            kind in EFA_TYPES for kind in kinds.values()
        )
    if kinds.pop((0, 0), None) != "interface":
        return False
    return set(kinds) == {(0, 1), *((card, 0) for card in others)} and all(
        kind == "efa-only" for kind in kinds.values()
    )


POLICY = StackValidationPolicy(
    name="aws-launch-template-efa-interfaces",
    display_name="EFA interfaces match the instance type",
    description="A launch template with EFA has one EFA interface for each network card of its"
    " instance type, in a layout that EC2 starts.",
    validate=of_stack(_check),
    severity=Severity.HIGH,
    tags=["aws", "efa", "eks", "network"],
    remediation_steps="Declare one interface a network card: card 0 device 0 `efa`, the others"
    " device 1 `efa-only`; security groups on each, no subnet, no public address.",
    url="https://docs.aws.amazon.com/eks/latest/userguide/node-efa.html",
)
