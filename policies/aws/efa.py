"""Launch templates with EFA interfaces, as three policies read them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UnknownValueError

from policies.aws.node_groups import (
    LAUNCH_TEMPLATE,
    groups_by_template,
    instance_types_of,
    of_type,
)
from policies.reading import child, elements, is_one_of
from policies.review import Place, Review, noted_once, resource

EFA_TYPES = frozenset({"efa", "efa-only"})


@dataclass(frozen=True, slots=True)
class EfaTemplate:
    """A launch template with at least one EFA interface, and the node groups that use it.

    `complete` is false where an interface or its type is not known yet.
    """

    template: PolicyResource
    interfaces: Sequence[Mapping[str, Any]]
    complete: bool
    node_groups: Sequence[PolicyResource]

    @property
    def place(self) -> Place:
        return resource(self.template).place

    def interface_place(self, index: int | str) -> Place:
        return self.place.inside(f"interface {index}")

    def instance_types(self) -> list[str]:
        """Types that may start from it, each once; raises UnknownValueError for an unknown one."""
        found = child(self.template.props, "instanceType")
        types = [found] if isinstance(found, str) and found else []
        for group in self.node_groups:
            types += instance_types_of(group, self.template)
        return list(dict.fromkeys(types))


@noted_once
def efa_templates(review: Review, resources: Sequence[PolicyResource]) -> Iterator[EfaTemplate]:
    for template in of_type(resources, LAUNCH_TEMPLATE):
        place = resource(template).place
        if len(template.props) == 0:
            review.has_no_properties(place)
            continue
        with review.reading(place):
            interfaces: list[Mapping[str, Any]] = []
            complete, has_efa = True, False
            for index, interface in enumerate(elements(child(template.props, "networkInterfaces"))):
                if isinstance(interface, UnknownValueError):
                    review.could_not_check(place.inside(f"interface {index}"), interface.message)
                    complete = False
                elif isinstance(interface, Mapping):
                    interfaces.append(interface)
                    try:
                        has_efa |= is_one_of(child(interface, "interfaceType"), EFA_TYPES)
                    except UnknownValueError as error:
                        review.could_not_check(place.inside(f"interface {index}"), error.message)
                        complete = False
            if has_efa:
                groups = groups_by_template(resources).get(template.urn, [])
                yield EfaTemplate(template, interfaces, complete, groups)
