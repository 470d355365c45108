"""Which node groups a pod may land on, by its nodeSelector."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UnknownValueError

from catalog.instance_types import INSTANCE_TYPES, GpuInstanceType
from policies.aws.node_groups import (
    NODE_GROUP,
    instance_types_of,
    known_text,
    may_have_gpus,
    of_type,
    template_of,
)
from policies.memo import once
from policies.reading import child, shown
from policies.review import Review, noted_once, resource

# Labels of these domains come from EKS, the kubelet or the GPU operator, not from the group.
_AUTOMATIC_DOMAINS = ("kubernetes.io", "k8s.io", "amazonaws.com", "nvidia.com")


def gpu_nodes(
    review: Review, pod: Mapping[str, Any], resources: Sequence[PolicyResource]
) -> Sequence[tuple[GpuInstanceType, PolicyResource]]:
    """GPU nodes of the catalogue that the pod may be scheduled on, each with its node group.

    Raises where its nodeSelector is not known yet.
    """
    return _gpu_nodes(review, _same_selector(pod, resources), resources)


@noted_once
def _gpu_nodes(
    review: Review, pod: Mapping[str, Any], resources: Sequence[PolicyResource]
) -> Iterator[tuple[GpuInstanceType, PolicyResource]]:
    for group in of_type(resources, NODE_GROUP):
        place = resource(group).place
        with review.reading(place):
            for name in selected_types(pod, group, resources):
                if name in INSTANCE_TYPES:
                    yield INSTANCE_TYPES[name], group
                elif may_have_gpus(name):
                    review.could_not_check(place, f"{shown(name)}, which is not in the catalogue")


def _same_selector(
    pod: Mapping[str, Any], resources: Sequence[PolicyResource]
) -> Mapping[str, Any]:
    """The first pod that selects its nodes as `pod` does: many servers then ask once."""
    selector = child(pod, "nodeSelector")
    labels = selector if isinstance(selector, Mapping) else {}
    try:
        key = tuple(sorted((str(name), str(labels[name])) for name in labels))
    except UnknownValueError:
        return pod
    return _first_pods(resources).setdefault(key, pod)


@once
def _first_pods(
    _resources: Sequence[PolicyResource],
) -> dict[tuple[tuple[str, str], ...], Mapping[str, Any]]:
    """By what they select; filled while one stack is read."""
    return {}


def selected_types(
    pod: Mapping[str, Any], group: PolicyResource, resources: Sequence[PolicyResource]
) -> list[str]:
    """Instance types of `group` that the pod may land on; none where its labels rule it out."""
    selector = child(pod, "nodeSelector")
    if not _may_hold(group, selector):
        return []
    wanted = child(selector, "node.kubernetes.io/instance-type")
    types = instance_types_of(group, template_of(group, resources))
    return [name for name in types if wanted is None or name == wanted]


def _may_hold(group: PolicyResource, selector: object) -> bool:
    """Whether the group's labels do not rule out a pod with this nodeSelector.

    A label that is not known yet rules nothing out.
    """
    if not isinstance(selector, Mapping):
        return True
    for key in selector:
        domain = str(key).partition("/")[0]
        if domain.endswith(_AUTOMATIC_DOMAINS):
            continue
        try:
            if selector[key] != child(group.props, "labels", key):
                return False
        except UnknownValueError:
            continue
    name = child(selector, "eks.amazonaws.com/nodegroup")
    return name is None or known_text(group, "nodeGroupName") in (None, name)
