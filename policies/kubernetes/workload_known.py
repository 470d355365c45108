"""No pod in an object in which no other policy looks for one, without a word.

Policies read the pods of the kinds that they know, and of any kind of a Deployment's shape. What
else makes pods, such as JobSet, RayCluster or InferenceService, has lists of containers somewhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pulumi_policy import ResourceValidationPolicy, Severity
from pulumi_policy.proxy import UnknownValueError

from policies.declared import declared
from policies.kubernetes.workloads import Path, may_be_custom, pods
from policies.reading import child, elements
from policies.review import Config, Resource, Review, of_resource

_CONTAINERS = "containers"
_ON_THE_WAY = ("spec", "template", _CONTAINERS)
"""Keys below which pods are kept; of any other an unknown says nothing."""


def _check(review: Review, subject: Resource, config: Config) -> None:
    if not may_be_custom(subject) or (props := declared(subject)) is None:
        return
    read = {(*pod.path, "spec") for pod in pods(review, subject)}
    for path in _holders(review, subject, props):
        if path not in read:
            where = ".".join(map(str, (*path, _CONTAINERS)))
            review.could_not_check(
                subject.place, f"the pods of {where}, as no policy knows of pods there"
            )


def _holders(review: Review, subject: Resource, props: Mapping[str, Any]) -> Iterator[Path]:
    """Where in `props` a map has a list of containers."""
    waiting: list[tuple[Path, Any]] = [((), props)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, Mapping):
            if _has_containers(value):
                yield path
            for key in value:
                try:
                    waiting.append(((*path, key), value[key]))
                except UnknownValueError as error:
                    if key in _ON_THE_WAY:
                        review.could_not_check(subject.place, error.message)
        elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
            waiting += [((*path, index), each) for index, each in enumerate(elements(value))]


def _has_containers(value: Mapping[str, Any]) -> bool:
    try:
        found = child(value, _CONTAINERS)
    except UnknownValueError:
        return False
    return any(isinstance(each, Mapping) and "image" in each for each in elements(found))


POLICY = ResourceValidationPolicy(
    name="kubernetes-workload-known",
    display_name="Pods are where policies look for them",
    description="Says which objects have containers that no policy of the pack can judge.",
    validate=of_resource(_check),
    severity=Severity.MEDIUM,
    tags=["kubernetes"],
    remediation_steps="Review the containers by hand, and accept the finding by a waiver; or let a"
    " kind that the pack knows, such as a Deployment, make the pods.",
    url="https://kubernetes.io/docs/concepts/workloads/",
)
