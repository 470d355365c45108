"""What a stack's own resources say of the parts of a release, beside what its output says.

Each part is found where the components put it: the image and the model's revision in the pods that
ask for GPUs, versions of charts in Helm releases, versions of AMIs in node groups.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from catalog import charts
from catalog.gpu_nodes import GPU_RESOURCE
from policies.finding import resource_of
from promotion.pulumi_stack import Resource
from stacks.released import IMAGE

REVISION = "model_server.revision"
GPU_AMI = "gpu_node_group.ami_release_version"
SYSTEM_AMI = "cluster.system_ami_release_version"
CHART_KEYS: Mapping[str, str] = MappingProxyType(
    {
        charts.GPU_OPERATOR.name: "charts.gpu_operator",
        charts.EFA_DEVICE_PLUGIN.name: "charts.aws_efa_k8s_device_plugin",
        charts.KUBE_PROMETHEUS_STACK.name: "charts.kube_prometheus_stack",
        charts.LEADER_WORKER_SET.name: "charts.leader_worker_set",
        charts.KEDA.name: "charts.keda",
    }
)
"""Key of the settings by the name of the chart."""
ALWAYS_THERE = (IMAGE, REVISION, GPU_AMI, SYSTEM_AMI)
"""A stack that shows nothing for one of these is not up."""

_NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
_HELM_RELEASE = "kubernetes:helm.sh/v3:Release"
_KUBERNETES = "kubernetes:"
_GPU_AMI_TYPES = ("_NVIDIA", "_GPU")
_FLAG = "--revision"
_UNREADABLE = "a value that cannot be read"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a release where it runs; `value` is written as in `Released.settings`."""

    key: str
    value: str
    resource: str
    """Kind and name."""


def parts(resources: Sequence[Resource], model: str) -> Iterator[Part]:
    """Of all resources of a state; `model` is the one whose revision is looked for."""
    for resource in resources:
        if resource.get("external") or resource.get("delete"):
            continue
        # What was asked for, and what was there afterwards: they differ where somebody
        # changed the one and not the other.
        found = {
            part: None
            for properties in (resource.get("inputs"), resource.get("outputs"))
            for part in _parts(resource, properties or {}, model)
        }
        yield from found


def named(resource: Resource) -> str:
    return f'{resource["type"].rsplit(":", 1)[-1]} "{resource_of(resource["urn"])}"'


def _parts(resource: Resource, properties: Mapping[str, Any], model: str) -> Iterator[Part]:
    kind, name = resource["type"], named(resource)
    if kind == _NODE_GROUP:
        if "releaseVersion" in properties:
            is_gpu = str(properties.get("amiType")).endswith(_GPU_AMI_TYPES)
            key = GPU_AMI if is_gpu else SYSTEM_AMI
            yield Part(key, _text(properties["releaseVersion"]), name)
    elif kind == _HELM_RELEASE:
        chart = str(properties.get("chart")).rstrip("/").rpartition("/")[2]
        if chart in CHART_KEYS:
            yield Part(CHART_KEYS[chart], _text(properties.get("version")), name)
    elif kind.startswith(_KUBERNETES):
        for pod in _pods(properties.get("spec")):
            yield from _of_pod(pod, model, name)


def _pods(node: Any) -> Iterator[Mapping[str, Any]]:
    """Specs of pods with a container that asks for GPUs, however deep a kind keeps them."""
    if isinstance(node, Mapping):
        if any(_asks_for_gpus(each) for each in _containers(node, "containers")):
            yield node
        for child in node.values():
            yield from _pods(child)
    elif isinstance(node, list):
        for child in node:
            yield from _pods(child)


def _containers(pod: Mapping[str, Any], *fields: str) -> Iterator[Mapping[str, Any]]:
    for field in fields:
        listed = pod.get(field)
        if isinstance(listed, list):
            yield from (each for each in listed if isinstance(each, Mapping))


def _asks_for_gpus(container: Mapping[str, Any]) -> bool:
    resources = container.get("resources")
    if not isinstance(resources, Mapping):
        return False
    quantities = (resources.get("limits"), resources.get("requests"))
    return any(isinstance(each, Mapping) and GPU_RESOURCE in each for each in quantities)


def _of_pod(pod: Mapping[str, Any], model: str, name: str) -> Iterator[Part]:
    for container in _containers(pod, "containers"):
        if _asks_for_gpus(container):
            yield Part(IMAGE, _text(container.get("image")).rpartition("@")[2], name)
    # DeepSpeed-MII knows no flag for a revision: a container before it fetches the weights.
    for container in _containers(pod, "initContainers", "containers"):
        for revision in _revisions(container, model):
            yield Part(REVISION, revision, name)


def _revisions(container: Mapping[str, Any], model: str) -> Iterator[str]:
    """By the flag, or by the folder of the weights, which has the revision in its name."""
    words = [_text(each) for each in container.get("args") or ()]
    for place, word in enumerate(words):
        if word.startswith(f"{_FLAG}="):
            yield word.partition("=")[2]
        elif word == _FLAG and place + 1 < len(words):
            yield words[place + 1]
    folders = [
        _text(mount.get("subPath"))
        for mount in container.get("volumeMounts") or ()
        if isinstance(mount, Mapping) and mount.get("subPath")
    ]
    folder = re.compile(rf"(?:^|/){re.escape(model)}/([^/]+)/?$")
    for word in (*words, *folders):
        if match := folder.search(word):
            yield match[1]


def _text(value: Any) -> str:
    """A secret is a map in a state, and is shown to nobody."""
    return value if isinstance(value, str) else _UNREADABLE
