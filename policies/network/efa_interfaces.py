"""EFA interfaces fit the instance type: one a network card, in a layout that EC2 starts.

The layouts are `catalog.efa_layout`'s, which the settings ask too. EKS refuses a
template that names a subnet, and groups of the template beside interfaces.
https://docs.aws.amazon.com/eks/latest/userguide/node-efa.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pulumi_policy import PolicyResource, Severity, StackValidationPolicy

from catalog import efa_layout
from catalog.instance_types import INSTANCE_TYPES
from policies.aws.efa import EfaTemplate, efa_templates
from policies.aws.node_groups import may_have_gpus
from policies.quantities import quantity
from policies.reading import child, elements, shown
from policies.review import Config, Place, Review, UnreadableError, of_stack


def _check(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
    for template in efa_templates(review, resources):
        for index, interface in enumerate(template.interfaces):
            _check_interface(review, template.interface_place(index), interface)
        with review.reading(template.place):
            _check_top_level_groups(review, template)
        if (layout := _layout(review, template)) is not None:
            _check_layout(review, template.place, layout)
            with review.reading(template.place):
                _check_count(review, template, efa_layout.efa_count(layout))


def _check_interface(review: Review, place: Place, interface: Mapping[str, Any]) -> None:
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


def _check_count(review: Review, template: EfaTemplate, number: int) -> None:
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


def _layout(review: Review, template: EfaTemplate) -> list[efa_layout.Interface] | None:
    """All interfaces; None where one of them cannot be read."""
    if not template.complete:
        return None
    layout: list[efa_layout.Interface] = []
    for index, interface in enumerate(template.interfaces):
        with review.reading(template.interface_place(index)):
            layout.append(_interface(interface))
    return layout if len(layout) == len(template.interfaces) else None


def _check_layout(review: Review, place: Place, layout: Sequence[efa_layout.Interface]) -> None:
    if not efa_layout.starts(layout):
        review.refuse(
            place,
            found=efa_layout.shown(layout),
            allowed=efa_layout.ALLOWED,
            fix="set networkCardIndex, deviceIndex and interfaceType of each interface so",
        )


def _interface(interface: Mapping[str, Any]) -> efa_layout.Interface:
    """An index that is left out is 0 to EC2."""
    indices = []
    for field in ("networkCardIndex", "deviceIndex"):
        value = child(interface, field)
        number = quantity(0 if value is None else value)
        if number is None or not 0 <= number <= 127 or number % 1:
            raise UnreadableError(f"{field} {shown(value)} is no index")
        indices.append(int(number))
    card, device = indices
    return efa_layout.Interface(
        card, device, shown(child(interface, "interfaceType") or "interface")
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
    " device 1 `efa-only`; security groups on each, no subnet.",
    url="https://docs.aws.amazon.com/eks/latest/userguide/node-efa.html",
)
