"""Every container of every workload, whatever kind of resource holds it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from pulumi_policy.proxy import UnknownValueError

from policies.declared import declared
from policies.reading import child, elements, shown
from policies.review import Place, Resource, Review, noted_once

_TEMPLATE = ("spec", "template", "spec")
_LEADER_WORKER = ("spec", "leaderWorkerTemplate")
_SET_NAME = "leaderworkerset.sigs.k8s.io/name"
_GROUP_SIZE = "LWS_GROUP_SIZE"

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
apps/v1, of an old extensions/v1beta1 or of a CustomResource is read alike. So is a custom kind
that is not here, where it has what a Deployment has: Rollout of Argo, CloneSet of OpenKruise,
Service of Knative."""

CONTAINER_LISTS: Mapping[str, str] = MappingProxyType(
    {
        "initContainers": "init container",
        "containers": "container",
        "ephemeralContainers": "ephemeral container",
    }
)


Role = Literal["leader", "worker"]
Path = tuple[str | int, ...]
"""Keys and indices that lead from the properties of a resource to a part of them."""


@dataclass(frozen=True, slots=True)
class Pod:
    """The pod that a workload makes; `role` where it makes two kinds of them.

    `template`, at `path`, holds its metadata and its spec. `partial` where a Patch resource
    gives only some of its fields.
    """

    place: Place
    path: Path
    kind: str
    workload: Mapping[str, Any]
    template: Mapping[str, Any]
    role: Role | None
    partial: bool

    @property
    def spec(self) -> Any:
        return child(self.template, "spec")

    def annotation(self, name: str) -> Any:
        return child(self.template, "metadata", "annotations", name)

    def group(self, *path: str) -> Any:
        """What a LeaderWorkerSet says of each group of its pods."""
        return child(self.workload, *_LEADER_WORKER, *path)

    @property
    def namespace(self) -> Any:
        """Of the pod; None for the one that the provider or the cluster takes by default."""
        return child(self.workload, "metadata", "namespace")

    def label(self, name: str) -> Any:
        """One of its labels, or of those that the controller of its kind adds."""
        given = child(self.template, "metadata", "labels", name)
        if given is None and self.role is not None and name == _SET_NAME:
            return child(self.workload, "metadata", "name")
        return given

    @property
    def labels(self) -> Mapping[str, Any]:
        """All of them that are texts; raises UnknownValueError where one is not known yet."""
        given = child(self.template, "metadata", "labels")
        names = {*(given if isinstance(given, Mapping) else ()), _SET_NAME}
        labels = {name: self.label(name) for name in names}
        return {name: value for name, value in labels.items() if isinstance(value, str)}

    @property
    def variables(self) -> Mapping[str, str]:
        """Variables with which the controller of its kind starts every container."""
        if self.role is None:
            return {}
        try:
            size = self.group("size")
        except UnknownValueError:
            return {}
        return {_GROUP_SIZE: "1" if size is None else shown(size)}


@dataclass(frozen=True, slots=True)
class Container:
    """One container; `runs` where it lives as long as its pod does."""

    place: Place
    path: Path
    fields: Mapping[str, Any]
    pod: Pod
    is_ephemeral: bool
    runs: bool

    @property
    def partial(self) -> bool:
        return self.pod.partial

    def quantities(self, of: str, name: str) -> Any:
        """What `resources.limits` or `.requests` says about a resource such as memory."""
        return child(self.fields, "resources", of, name)


@noted_once
def containers(review: Review, subject: Resource) -> Iterator[Container]:
    """Containers, init containers and ephemeral containers of `subject`."""
    for pod in pods(review, subject):
        yield from _containers_of_pod(review, pod)


@noted_once
def pods(review: Review, subject: Resource) -> Iterator[Pod]:
    """Each kind of pod that `subject` makes."""
    kind = kind_of_object(subject)
    if not (is_workload(subject) or may_be_custom(subject)):
        return
    if (props := declared(subject)) is None:
        if kind in POD_SPECS:
            review.has_no_properties(subject.place)
        return
    if kind not in POD_SPECS and not _is_like_deployment(props):
        return
    partial = subject.kind.endswith("Patch")
    for place, at, workload in objects(review, subject, props):
        for path in POD_SPECS.get(kind, (_TEMPLATE,)):
            # Where the path is unknown half way, this names how far it is known.
            with review.reading(place):
                template = child(workload, *path[:-1])
                if isinstance(child(template, "spec"), Mapping):
                    role = _role(path)
                    here = place.inside(role) if role else place
                    yield Pod(here, (*at, *path[:-1]), kind, workload, template, role, partial)


def _role(path: tuple[str, ...]) -> Role | None:
    """Only a LeaderWorkerSet has two pods, whose containers may share a name."""
    if path[:-2] != _LEADER_WORKER:
        return None
    return "leader" if path[-2] == "leaderTemplate" else "worker"


def is_workload(subject: Resource) -> bool:
    if not subject.type.startswith("kubernetes:"):
        return False
    return kind_of_object(subject) in POD_SPECS or (
        may_be_custom(subject) and _is_like_deployment(subject.props)
    )


def may_be_custom(subject: Resource) -> bool:
    """Whether its kind may be one of a CustomResourceDefinition, whose group must have a dot.

    Releases and charts of Helm are resources of Pulumi, whose values are no fields of an object;
    a definition has schemas, and no pods.
    """
    provider, _, rest = subject.type.partition(":")
    group = rest.partition("/")[0]
    return (
        provider == "kubernetes"
        and "." in group
        and group not in ("apiextensions.k8s.io", "helm.sh")
    )


def _is_like_deployment(props: Mapping[str, Any]) -> bool:
    """What is not known yet is for the policy kubernetes-workload-known to say, once."""
    try:
        return bool(elements(child(props, *_TEMPLATE, "containers")))
    except UnknownValueError:
        return False


def kind_of_object(subject: Resource) -> str:
    """`DeploymentPatch` is server-side apply of some fields, `DeploymentList` holds several."""
    return subject.kind.removesuffix("Patch").removesuffix("List")


def objects(
    review: Review, subject: Resource, props: Mapping[str, Any]
) -> Iterator[tuple[Place, Path, Any]]:
    """The object that `props` are, or those of a List, each with where it is."""
    if not subject.kind.endswith("List"):
        yield subject.place, (), props
        return
    with review.reading(subject.place):
        for index, item in enumerate(elements(child(props, "items"))):
            place = subject.place.inside(f"item {index}")
            if isinstance(item, UnknownValueError):
                review.could_not_check(place, item.message)
            else:
                yield place, ("items", index), item


def _containers_of_pod(review: Review, pod: Pod) -> Iterator[Container]:
    for field, role in CONTAINER_LISTS.items():
        with review.reading(pod.place):
            for index, fields in enumerate(elements(child(pod.spec, field))):
                here = pod.place.inside(f'{role} "{_name(fields, index)}"')
                if isinstance(fields, UnknownValueError):
                    review.could_not_check(here, fields.message)
                elif isinstance(fields, Mapping):
                    ephemeral = field == "ephemeralContainers"
                    at = (*pod.path, "spec", field, index)
                    yield Container(here, at, fields, pod, ephemeral, runs=field == "containers")


def _name(fields: Any, index: int) -> str:
    try:
        name = child(fields, "name")
    except UnknownValueError:
        name = None
    return f"#{index}" if name is None else shown(name)
