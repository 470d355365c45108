"""EKS node groups and their launch templates, as the stack's resources say.

An id is unknown until its resource exists, so resources are matched by the
dependencies that the engine knows of each property, and by id or name where
those are literals.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UnknownValueError

from policies.memo import once
from policies.reading import child, elements, known

NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
LAUNCH_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"

_GPU_FAMILY = re.compile(r"(?:p|g)[0-9][a-z0-9-]*\..+")


@once
def of_type(resources: Iterable[PolicyResource], *types: str) -> list[PolicyResource]:
    return [resource for resource in resources if resource.resource_type in types]


def known_text(resource: PolicyResource, *path: str) -> str | None:
    """Text at `path`; None where it is missing, no text, or not known yet."""
    try:
        value = child(resource.props, *path)
    except UnknownValueError:
        return None
    return value if isinstance(value, str) and value else None


def depends_on(resource: PolicyResource, property_name: str, target: PolicyResource) -> bool:
    """Whether the value of a property comes from an output of `target`."""
    dependencies = resource.property_dependencies.get(property_name, [])
    return any(dependency.urn == target.urn for dependency in dependencies)


def refers_to(
    resource: PolicyResource, path: Sequence[str], target: PolicyResource, target_field: str = "id"
) -> bool:
    """Whether the value at `path` is that of `target`, by dependency or by the value itself."""
    if depends_on(resource, path[0], target):
        return True
    value = known_text(resource, *path)
    return value is not None and value == known_text(target, target_field)


def referred(
    resource: PolicyResource,
    path: Sequence[str],
    resources: Iterable[PolicyResource],
    target_type: str,
    target_field: str = "id",
) -> list[PolicyResource]:
    """All of a type that the value at `path` is of: as `refers_to`, without asking each of them."""
    sources = of_type(resource.property_dependencies.get(path[0], []), target_type)
    named = by_text(resources, target_type, target_field).get(known_text(resource, *path), [])
    return [*sources, *(each for each in named if each not in sources)]


@once
def by_text(
    resources: Iterable[PolicyResource], resource_type: str, field: str
) -> Mapping[str | None, list[PolicyResource]]:
    """Resources of a type by the text of a field; those whose text is not known are left out."""
    found: dict[str | None, list[PolicyResource]] = {}
    for each in of_type(resources, resource_type):
        if (text := known_text(each, field)) is not None:
            found.setdefault(text, []).append(each)
    return found


@once
def template_of(
    group: PolicyResource, resources: Iterable[PolicyResource]
) -> PolicyResource | None:
    for field in ("id", "name"):
        if found := referred(group, ("launchTemplate", field), resources, LAUNCH_TEMPLATE, field):
            return found[0]
    return None


@once
def groups_by_template(
    resources: Iterable[PolicyResource],
) -> Mapping[str, list[PolicyResource]]:
    """Node groups by the URN of the launch template that they use."""
    found: dict[str, list[PolicyResource]] = {}
    for group in of_type(resources, NODE_GROUP):
        if (template := template_of(group, resources)) is not None:
            found.setdefault(template.urn, []).append(group)
    return found


def instance_types_of(group: PolicyResource, template: PolicyResource | None) -> list[str]:
    """Instance types that the group may start; raises UnknownValueError where one is unknown.

    The template's comes first: EKS takes no type in both, and shows the group's as
    unknown until it is there.
    """
    of_template = child(template.props, "instanceType") if template is not None else None
    if isinstance(of_template, str) and of_template:
        return [of_template]
    given = [known(t) for t in elements(child(group.props, "instanceTypes"))]
    return [t for t in given if isinstance(t, str)]


def may_have_gpus(instance_type: str) -> bool:
    """By the family's letter: p and g are GPU instances."""
    return _GPU_FAMILY.fullmatch(instance_type) is not None


@once
def is_gpu_group(group: PolicyResource, resources: Iterable[PolicyResource]) -> bool:
    return any(
        may_have_gpus(name) for name in instance_types_of(group, template_of(group, resources))
    )
