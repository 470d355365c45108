"""Whether a NetworkPolicy or a PodDisruptionBudget of the stack means a pod.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UnknownValueError

from policies.declared import declared
from policies.kubernetes.workloads import Pod
from policies.reading import child, elements, find, known
from policies.review import UnreadableError, resource

Kind = Literal["NetworkPolicy", "PodDisruptionBudget"]


def is_selected(
    pod: Pod,
    kind: Kind,
    resources: Iterable[PolicyResource],
    counts: Callable[[Mapping[str, Any]], bool] = lambda _: True,
) -> bool:
    """Whether an object of `kind` that `counts` selects the pod.

    Raises where only one of which something is not known yet could.
    """
    unclear: Exception | None = None
    for member in map(resource, resources):
        if not member.type.startswith("kubernetes:") or member.kind != kind:
            continue
        if (props := declared(member)) is None:
            unclear = UnreadableError(f"{member.place.text}, of which the engine gave nothing")
            continue
        try:
            if counts(props) and _selects(props, kind, pod):
                return True
        except UnknownValueError as error:
            unclear = error
    if unclear is not None:
        raise unclear
    return False


def _selects(props: Mapping[str, Any], kind: Kind, pod: Pod) -> bool:
    if not _same_namespace(props, pod):
        return False
    if kind == "NetworkPolicy":
        return _matches(child(props, "spec", "podSelector"), pod)
    # A budget with an empty selector means all pods of its namespace, one without means none.
    selector = child(props, "spec", "selector")
    return selector is not None and _matches(selector, pod)


def _same_namespace(props: Mapping[str, Any], pod: Pod) -> bool:
    """A namespace that is made in the same `up` is often not known yet: labels decide then."""
    try:
        return bool(child(props, "metadata", "namespace") == pod.namespace)
    except UnknownValueError:
        return True


def _matches(selector: Any, pod: Pod) -> bool:
    labels = child(selector, "matchLabels")
    if isinstance(labels, Mapping) and not all(labels[name] == pod.label(name) for name in labels):
        return False
    expressions = child(selector, "matchExpressions")
    return find(expressions, lambda each: not _holds(each, pod)) is None


def _holds(expression: Any, pod: Pod) -> bool:
    name = child(expression, "key")
    value = pod.label(name) if isinstance(name, str) else None
    values = elements(child(expression, "values"))
    match child(expression, "operator"):
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "In":
            return value in map(known, values)
        case "NotIn":
            return value not in map(known, values)
        case _:
            return False
