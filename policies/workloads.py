"""Every container of every workload, whatever kind of resource holds it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pulumi_policy.proxy import UnknownValueError

from policies.declared import declared
from policies.reading import child, elements, shown
from policies.review import Place, Resource, Review

_TEMPLATE = ("spec", "template", "spec")
_LEADER_WORKER = ("spec", "leaderWorkerTemplate")

POD_SPECS: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {
        "CronJob": (("spec", "jobTemplate", *_TEMPLATE),),
        "DaemonSet": (_TEMPLATE,),
        "Deployment": (_TEMPLATE,),
        "Job": (_TEMPLATE,),
        "LeaderWorkerSet": (
            (*_LEADER_WORKER, "leaderTemplate", "spec"),
            (*_LEADER_WORKER, "workerTemplate", "spec"),
        ),
        "Pod": (("spec",),),
        "PodTemplate": (("template", "spec"),),
        "ReplicaSet": (_TEMPLATE,),
        "ReplicationController": (_TEMPLATE,),
        "StatefulSet": (_TEMPLATE,),
    }
)
"""Where each kind keeps its pods. The API group is not looked at: `Deployment` of
apps/v1, of an old extensions/v1beta1 or of a CustomResource is read alike."""

CONTAINER_LISTS: Mapping[str, str] = MappingProxyType(
    {
        "initContainers": "init container",
        "containers": "container",
        "ephemeralContainers": "ephemeral container",
    }
)


@dataclass(frozen=True, slots=True)
class Container:
    """One container; `partial` where a Patch resource gives only some of its fields."""

    place: Place
    fields: Mapping[str, Any]
    pod: Mapping[str, Any]
    is_ephemeral: bool
    partial: bool

    def quantities(self, of: str, name: str) -> Any:
        """What `resources.limits` or `.requests` says about a resource such as memory."""
        return child(self.fields, "resources", of, name)


def containers(review: Review, subject: Resource) -> Iterator[Container]:
    """Containers, init containers and ephemeral containers of `subject`."""
    if not subject.type.startswith("kubernetes:"):
        return
    if (kind := kind_of_workload(subject)) not in POD_SPECS:
        return
    if (props := declared(subject)) is None:
        review.could_not_check(subject.place, "the engine gave none of its properties")
        return
    partial = subject.kind.endswith("Patch")
    for place, workload in _workloads(review, subject, props):
        for path in POD_SPECS[kind]:
            # Where the path is unknown half way, this names how far it is known.
            with review.reading(place):
                pod = child(workload, *path)
                if isinstance(pod, Mapping):
                    yield from _containers_of_pod(review, place, pod, path, partial)


def kind_of_workload(subject: Resource) -> str:
    """`DeploymentPatch` is server-side apply of some fields, `DeploymentList` holds several."""
    return subject.kind.removesuffix("Patch").removesuffix("List")


def _workloads(
    review: Review, subject: Resource, props: Mapping[str, Any]
) -> Iterator[tuple[Place, Any]]:
    if not subject.kind.endswith("List"):
        yield subject.place, props
        return
    with review.reading(subject.place):
        for index, item in enumerate(elements(child(props, "items"))):
            place = subject.place.inside(f"item {index}")
            if isinstance(item, UnknownValueError):
                review.could_not_check(place, item.message)
            else:
                yield place, item


def _containers_of_pod(
    review: Review, place: Place, pod: Mapping[str, Any], path: tuple[str, ...], partial: bool
) -> Iterator[Container]:
    # Only a LeaderWorkerSet has two pods, whose containers may share a name.
    if path[:-2] == _LEADER_WORKER:
        place = place.inside("leader" if path[-2] == "leaderTemplate" else "worker")
    for field, role in CONTAINER_LISTS.items():
        with review.reading(place):
            for index, fields in enumerate(elements(child(pod, field))):
                here = place.inside(f'{role} "{_name(fields, index)}"')
                if isinstance(fields, UnknownValueError):
                    review.could_not_check(here, fields.message)
                elif isinstance(fields, Mapping):
                    ephemeral = field == "ephemeralContainers"
                    yield Container(here, fields, pod, ephemeral, partial)


def _name(fields: Any, index: int) -> str:
    try:
        name = child(fields, "name")
    except UnknownValueError:
        name = None
    return f"#{index}" if name is None else shown(name)
