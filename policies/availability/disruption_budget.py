"""A budget for disruptions lets at least one server go, so that its node can be drained.

A budget that allows no disruption makes every drain wait, until the update of the node group
gives up after 15 minutes: PodEvictionFailure (EKS user guide, "managed-node-update-behavior").
One server and `minAvailable: 1` is the usual way to it. Kubernetes rounds up both fields where
they are percentages (pkg/controller/disruption). Whether there is a budget at all is for
`server_drains` to say.
"""

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pulumi_policy import PolicyResource, Severity, StackValidationPolicy

from policies.declared import declared
from policies.kubernetes.label_selectors import selecting
from policies.kubernetes.workloads import Pod
from policies.quantities import quantity
from policies.reading import child, shown
from policies.review import Config, Resource, Review, UnreadableError, of_stack, resource
from policies.servers.llm_servers import llm_servers

_KINDS = frozenset({"Deployment", "ReplicaSet", "ReplicationController", "StatefulSet"})
"""Kinds whose pods a budget counts by their `replicas`; those of a LeaderWorkerSet belong to
StatefulSets that its controller makes, whose sizes are not declared."""
_PERCENT = re.compile(r"([0-9]{1,9})%")


def _check(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
    selected: dict[str, list[Pod]] = {}
    for pod in _pods_of_servers(review, resources):
        with review.reading(pod.place):
            for budget in selecting(pod, "PodDisruptionBudget", resources):
                selected.setdefault(budget.urn, []).append(pod)
    for budget in resources:
        if (pods := selected.get(budget.urn)) and (props := declared(budget)) is not None:
            subject = resource(budget)
            with review.reading(subject.place):
                _check_numbers(review, subject, child(props, "spec"), pods)


def _pods_of_servers(review: Review, resources: Sequence[PolicyResource]) -> Iterator[Pod]:
    for subject in map(resource, resources):
        servers = [c for c, _ in llm_servers(review, subject) if c.runs and not c.partial]
        yield from {c.pod.path: c.pod for c in servers}.values()


def _check_numbers(review: Review, subject: Resource, spec: Any, pods: Sequence[Pod]) -> None:
    most, least = child(spec, "maxUnavailable"), child(spec, "minAvailable")
    if most is not None:
        if _number(most, of=1) == 0:
            _refuse(review, subject, f"maxUnavailable {shown(most)}", pods)
    elif least is not None and all(pod.kind in _KINDS for pod in pods):
        replicas = sum(_replicas(pod) for pod in pods)
        if 0 < replicas <= _number(least, of=replicas):
            found = f"minAvailable {shown(least)} of {replicas}"
            _refuse(review, subject, found, pods)


def _refuse(review: Review, subject: Resource, found: str, pods: Sequence[Pod]) -> None:
    review.refuse(
        subject.place,
        found=f"{found} for the servers of {', '.join(pod.place.text for pod in pods)}, so no node"
        " that one of them is on can be drained",
        allowed="maxUnavailable of at least 1",
        fix="set spec.maxUnavailable to 1 and leave minAvailable out",
    )


def _replicas(pod: Pod) -> int:
    given = child(pod.workload, "spec", "replicas")
    return 1 if given is None else _number(given, of=0)


def _number(given: Any, *, of: int) -> int:
    """A whole number, or a percentage of `of` rounded up."""
    if isinstance(given, str) and (percent := _PERCENT.fullmatch(given)):
        return math.ceil(int(percent[1]) * of / 100)
    number = quantity(given)
    if number is None or number < 0 or number % 1:
        raise UnreadableError(f"{shown(given)}, which is neither a number of pods nor a percentage")
    return int(number)


POLICY = StackValidationPolicy(
    name="kubernetes-llm-server-disruption-budget",
    display_name="Nodes of servers can be drained",
    description="A PodDisruptionBudget of LLM servers lets at least one of them go.",
    validate=of_stack(_check),
    severity=Severity.HIGH,
    tags=["eks", "kubernetes", "rollout", "vllm"],
    remediation_steps="Set maxUnavailable of the budget to 1, and leave minAvailable out.",
    url="https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
)
