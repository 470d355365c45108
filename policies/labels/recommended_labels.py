"""Workloads say what they are and what manages them, in the labels that tools look for.

Alerts, dashboards and cost reports group by them; who meets a workload in a cluster learns from
them that a change by hand will be undone.
https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from pulumi_policy import EnforcementLevel, ResourceValidationPolicy, Severity

from policies import remedy
from policies.declared import declared
from policies.kubernetes.workloads import POD_SPECS, Path, kind_of_object, objects
from policies.reading import child
from policies.remedy import Edit
from policies.review import Config, Place, Resource, Review, of_resource

_NAME = "app.kubernetes.io/name"
_MANAGED_BY = "app.kubernetes.io/managed-by"
_VALUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")


class _Missing(NamedTuple):
    """A label that a workload at `path` lacks, and what it would be; None where nobody knows."""

    place: Place
    path: Path
    label: str
    value: str | None


def _check(review: Review, subject: Resource, config: Config) -> None:
    for missing in _missing(review, subject):
        review.refuse(
            missing.place,
            found=f"no label {missing.label}",
            allowed="a value of its own, such as pulumi"
            if missing.label == _MANAGED_BY
            else "the name of the program that it runs",
            fix=f"add {missing.label} to metadata.labels",
        )


def _mend(review: Review, subject: Resource) -> Iterator[Edit]:
    for missing in _missing(review, subject):
        if missing.value is not None:
            yield (*missing.path, "metadata", "labels", missing.label), missing.value


def _missing(review: Review, subject: Resource) -> Iterator[_Missing]:
    if not subject.type.startswith("kubernetes:") or subject.kind.endswith("Patch"):
        return
    if kind_of_object(subject) not in POD_SPECS or (props := declared(subject)) is None:
        return
    for place, path, workload in objects(review, subject, props):
        with review.reading(place):
            for label, value in ((_NAME, _name_of(workload, subject)), (_MANAGED_BY, "pulumi")):
                with review.reading(place):
                    if not child(workload, "metadata", "labels", label):
                        yield _Missing(place, path, label, value)


def _name_of(workload: Any, subject: Resource) -> str | None:
    """Its pods' own, or its name; one that Pulumi makes up begins with that of the resource."""
    labels = child(workload, "spec", "template", "metadata", "labels")
    named = child(labels, _NAME) or child(labels, "app") or child(workload, "metadata", "name")
    name = named or subject.name
    return name if isinstance(name, str) and _VALUE.fullmatch(name) else None


POLICY = ResourceValidationPolicy(
    name="kubernetes-workload-recommended-labels",
    display_name="Workloads say what they are",
    description="Every workload has the labels app.kubernetes.io/name and"
    " app.kubernetes.io/managed-by.",
    validate=of_resource(_check),
    remediate=remedy.of_resource(_mend),
    enforcement_level=EnforcementLevel.REMEDIATE,
    severity=Severity.LOW,
    tags=["kubernetes", "labels", "remediated"],
    remediation_steps=f"Add {_NAME} and {_MANAGED_BY} to metadata.labels.",
    url="https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/",
)
