"""Whether a NetworkPolicy or a PodDisruptionBudget of the stack means a pod.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UnknownValueError

from policies.declared import declared
from policies.kubernetes.workloads import Pod
from policies.memo import once
from policies.reading import child, elements, find, known
from policies.review import UnreadableError, resource

Kind = Literal["NetworkPolicy", "PodDisruptionBudget"]
Label = tuple[str, str]


def is_selected(
    pod: Pod,
    kind: Kind,
    resources: Sequence[PolicyResource],
    counts: Callable[[Mapping[str, Any]], bool] = lambda _: True,
) -> bool:
    """Whether an object of `kind` that `counts` selects the pod.

    Raises where only one of which something is not known yet could.
    """
    return any(True for _ in selecting(pod, kind, resources, counts))


def selecting(
    pod: Pod,
    kind: Kind,
    resources: Sequence[PolicyResource],
    counts: Callable[[Mapping[str, Any]], bool] = lambda _: True,
) -> Iterator[PolicyResource]:
    """Objects of `kind` that select the pod; raises after them where another one may as well."""
    unclear: Exception | None = None
    for member in _candidates(pod, kind, resources):
        if (props := declared(member)) is None:
            place = resource(member).place
            unclear = UnreadableError(f"{place.text}, of which the engine gave nothing")
            continue
        try:
            if counts(props) and _selects(props, kind, pod):
                yield member
        except UnknownValueError as error:
            unclear = error
    if unclear is not None:
        raise unclear


def _candidates(
    pod: Pod, kind: Kind, resources: Sequence[PolicyResource]
) -> Iterable[PolicyResource]:
    """Those of which a label that they demand is one of the pod's, or that demand none."""
    by_label = _by_label(resources, kind)
    try:
        labels: list[Label | None] = [None, *pod.labels.items()]
    except UnknownValueError:
        return [member for members in by_label.values() for member in members]
    return [member for label in labels for member in by_label.get(label, ())]


@once
def _by_label(
    resources: Sequence[PolicyResource], kind: Kind
) -> Mapping[Label | None, list[PolicyResource]]:
    """By the rarest label that each demands: servers and budgets do not all ask each other."""
    demanded = {
        member.urn: (member, _demanded(declared(member), kind))
        for member in resources
        if member.resource_type.startswith("kubernetes:") and resource(member).kind == kind
    }
    counts = Counter(label for _, labels in demanded.values() for label in labels)
    found: dict[Label | None, list[PolicyResource]] = {}
    for member, labels in demanded.values():
        found.setdefault(min(labels, key=counts.__getitem__, default=None), []).append(member)
    return found


def _demanded(props: Any, kind: Kind) -> list[Label]:
    """What `matchLabels` demands, as far as it is known."""
    selector = "podSelector" if kind == "NetworkPolicy" else "selector"
    demanded = []
    try:
        labels = child(props, "spec", selector, "matchLabels")
        for name in labels if isinstance(labels, Mapping) else ():
            if isinstance(value := labels[name], str):
                demanded.append((name, value))
    except UnknownValueError:
        pass
    return demanded


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
