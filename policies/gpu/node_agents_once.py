"""What a GPU node runs once runs once: device plugins, the DCGM exporter, feature discovery.

A second plugin registers the same devices with the kubelet anew, and pods of either one
then fail by turns; a second exporter counts every GPU twice. The GPU operator brings its
own, on by default, beside which the same chart is often installed by itself.
https://docs.nvidia.com/datacenter/cloud-native/gpu-operator/latest/getting-started.html
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pulumi_policy import PolicyResource, Severity, StackValidationPolicy

from catalog.charts import EFA_DEVICE_PLUGIN, GPU_OPERATOR, Chart
from policies.kubernetes.helm_releases import releases_of
from policies.kubernetes.workloads import containers, kind_of_object
from policies.reading import child
from policies.review import Config, Place, Review, of_stack, resource


@dataclass(frozen=True, slots=True)
class _Agent:
    """How one comes to a node: by a chart or image of its own, or as a part of the operator.

    `operator_switch` and `chart_switch` are values that turn it off, or on where they are not
    `on_by_default`.
    """

    name: str
    image: str
    charts: tuple[str, ...]
    operator_switch: tuple[str, ...] = ()
    chart_switch: tuple[str, ...] = ()
    on_by_default: bool = True


# Defaults: values.yaml of gpu-operator v26.7.0 and of nvidia-device-plugin 0.17.
_AGENTS = (
    _Agent(
        "the NVIDIA device plugin",
        "k8s-device-plugin",
        ("nvidia-device-plugin",),
        ("devicePlugin", "enabled"),
    ),
    _Agent("the EFA device plugin", EFA_DEVICE_PLUGIN.name, (EFA_DEVICE_PLUGIN.name,)),
    _Agent(
        "the DCGM exporter", "dcgm-exporter", ("dcgm-exporter",), ("dcgmExporter", "enabled")
    ),
    _Agent(
        "GPU feature discovery",
        "gpu-feature-discovery",
        ("nvidia-device-plugin",),
        ("gfd", "enabled"),
        ("gfd", "enabled"),
        on_by_default=False,
    ),
    _Agent(
        "node feature discovery", "node-feature-discovery", ("node-feature-discovery",),
        ("nfd", "enabled"),
    ),
)  # fmt: skip


def _check(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
    for cluster in _clusters(resources):
        for agent in _AGENTS:
            places = list(_places(review, cluster, agent))
            if len(places) > 1:
                review.refuse(
                    places[-1],
                    found=f"{agent.name} here and in"
                    f" {', '.join(place.text for place in places[:-1])}",
                    allowed="one on a node",
                    fix=_fix(agent),
                )


def _clusters(resources: Sequence[PolicyResource]) -> list[list[PolicyResource]]:
    """Resources by the provider that they are made with: it stands for the cluster."""
    found: defaultdict[str, list[PolicyResource]] = defaultdict(list)
    for member in resources:
        if member.resource_type.startswith("kubernetes:"):
            found[member.provider.urn if member.provider else ""].append(member)
    return list(found.values())


def _places(review: Review, resources: Sequence[PolicyResource], agent: _Agent) -> Iterator[Place]:
    if agent.operator_switch:
        for release in releases_of(review, resources, GPU_OPERATOR):
            with review.reading(release.place):
                if release.value(*agent.operator_switch) is not False:
                    yield release.place
    for name in agent.charts:
        for release in releases_of(review, resources, Chart(name, repository="")):
            with review.reading(release.place):
                given = release.value(*agent.chart_switch) if agent.chart_switch else None
                if given is True or (given is None and agent.on_by_default):
                    yield release.place
    yield from _daemonsets(review, resources, agent)


def _daemonsets(
    review: Review, resources: Sequence[PolicyResource], agent: _Agent
) -> Iterator[Place]:
    """Those of manifests, and of charts whose resources Pulumi makes itself."""
    for member in map(resource, resources):
        if kind_of_object(member) != "DaemonSet" or member.kind.endswith("Patch"):
            continue
        with review.reading(member.place):
            for container in containers(review, member):
                with review.reading(container.place):
                    if container.runs and _is_image(child(container.fields, "image"), agent.image):
                        yield container.place
                        break


def _is_image(image: object, name: str) -> bool:
    """Whether the last part of the repository is `name`."""
    last = rf"(^|/){re.escape(name)}([:@]|$)"
    return isinstance(image, str) and re.search(last, image) is not None


def _fix(agent: _Agent) -> str:
    if not agent.operator_switch:
        return "remove one of them"
    switch = ".".join(agent.operator_switch)
    return f"set values.{switch} of the GPU operator to false, or remove the other one"


POLICY = StackValidationPolicy(
    name="kubernetes-gpu-node-agents-once",
    display_name="Device plugins run once",
    description="The NVIDIA and the EFA device plugin, the DCGM exporter and feature discovery are"
    " installed once in a cluster, by the GPU operator or by themselves.",
    validate=of_stack(_check),
    severity=Severity.HIGH,
    tags=["efa", "gpu", "helm", "kubernetes"],
    remediation_steps="Turn off the part of the GPU operator, or remove the separate release or"
    " DaemonSet.",
    url="https://docs.nvidia.com/datacenter/cloud-native/gpu-operator/latest/getting-started.html",
)
