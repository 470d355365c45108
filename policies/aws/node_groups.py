"""EKS node groups and their launch templates, as the stack's resources say.

An id is unknown until its resource exists, so resources are matched by the
dependencies that the engine knows of each property, and by id or name where
those are literals.
"""

import re
from collections.abc import Iterable, Sequence

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


def uses_template(group: PolicyResource, template: PolicyResource) -> bool:
    return refers_to(group, ("launchTemplate", "id"), template) or refers_to(
        group, ("launchTemplate", "name"), template, "name"
    )


def template_of(
    group: PolicyResource, resources: Iterable[PolicyResource]
) -> PolicyResource | None:
    templates = of_type(resources, LAUNCH_TEMPLATE)
    return next((template for template in templates if uses_template(group, template)), None)


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


def is_gpu_group(group: PolicyResource, resources: Iterable[PolicyResource]) -> bool:
    return any(
        may_have_gpus(name) for name in instance_types_of(group, template_of(group, resources))
    )
