"""Workloads say what they are and what manages them, in the labels that tools look for.

Alerts, dashboards and cost reports group by them; who meets a workload in a cluster learns from
them that a change by hand will be undone. It is a remedy alone: nothing is refused for a label
that nobody could add, nor a plain manifest that something else than Pulumi applies.
https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
"""

import re
from collections.abc import Iterator
from typing import Any

from pulumi_policy import EnforcementLevel, ResourceValidationPolicy, Severity

from policies import remedy
from policies.declared import declared
from policies.kubernetes.workloads import objects
from policies.reading import child
from policies.remedy import Edit
from policies.review import Resource, Review

_NAME = "app.kubernetes.io/name"
_MANAGED_BY = "app.kubernetes.io/managed-by"
_VALUE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")


def _mend(review: Review, subject: Resource) -> Iterator[Edit]:
    if subject.kind.endswith("Patch") or (props := declared(subject)) is None:
        return
    for place, path, workload in objects(review, subject, props):
        with review.reading(place):
            for label, value in ((_NAME, _name_of(workload, subject)), (_MANAGED_BY, "pulumi")):
                with review.reading(place):
                    if value and not child(workload, "metadata", "labels", label):
                        yield (*path, "metadata", "labels", label), value


def _name_of(workload: Any, subject: Resource) -> str | None:
    """Its pods' own, or its name; one that Pulumi makes up begins with that of the resource."""
    labels = child(workload, "spec", "template", "metadata", "labels")
    named = child(labels, _NAME) or child(labels, "app") or child(workload, "metadata", "name")
    name = named or subject.name
    return name if isinstance(name, str) and _VALUE.fullmatch(name) else None


POLICY = ResourceValidationPolicy(
    name="kubernetes-workload-recommended-labels",
    display_name="Workloads say what they are",
    description="Every workload gets the labels app.kubernetes.io/name and"
    " app.kubernetes.io/managed-by, where it has none.",
    remediate=remedy.of_workload(_mend),
    enforcement_level=EnforcementLevel.REMEDIATE,
    severity=Severity.LOW,
    tags=["kubernetes", "labels", "remediated"],
    remediation_steps=f"Add {_NAME} and {_MANAGED_BY} to metadata.labels.",
    url="https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/",
)
