"""What has to run on the GPU nodes tolerates their taints.

A daemonset that does not is left at zero pods without an error: the nodes then show no
GPUs, or no EFA, and every pod that wants them stays pending (k8s-device-plugin#1934,
aws-efa-eks#3). Taints are for keeping others away, so a server has to tolerate those
of one group that its nodeSelector leaves open, and daemonsets those of every group.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Any

from pulumi_policy import PolicyResource, Severity, StackValidationPolicy

from catalog.charts import EFA_DEVICE_PLUGIN, GPU_OPERATOR
from catalog.gpu_nodes import TOLERATION
from policies.aws.efa import efa_templates
from policies.aws.node_groups import NODE_GROUP, is_gpu_group, may_have_gpus, of_type
from policies.declared import declared
from policies.kubernetes.helm_releases import Release, releases_of
from policies.kubernetes.node_selection import selected_types
from policies.kubernetes.tolerations import Effect, Taint, is_tolerated
from policies.kubernetes.workloads import Container
from policies.memo import once
from policies.reading import child, elements, is_one_of, known, shown
from policies.review import Config, Review, of_stack, resource
from policies.servers.llm_servers import llm_servers

_EFFECTS: Mapping[str, Effect] = MappingProxyType(
    # The third, PREFER_NO_SCHEDULE, keeps no pod away.
    {"NO_SCHEDULE": "NoSchedule", "NO_EXECUTE": "NoExecute"}
)
# The agent of a network or a storage driver takes this taint off once it runs on the node.
_STARTUP = "/agent-not-ready"


@dataclass(frozen=True, slots=True)
class _DaemonSets:
    """Daemonsets of a chart: where its values keep their tolerations, and the chart's default.

    `switch` is the value that turns them off.
    """

    name: str
    tolerations: tuple[str, ...]
    default: Sequence[Mapping[str, str]]
    switch: tuple[str, ...] = ()


# Defaults: values.yaml of gpu-operator v26.7.0 and aws-efa-k8s-device-plugin v0.5.30.
_OF_GPU_OPERATOR = (
    _DaemonSets("its daemonsets", ("daemonsets", "tolerations"), (TOLERATION,)),
    _DaemonSets(
        "the workers of node feature discovery",
        ("node-feature-discovery", "worker", "tolerations"),
        (TOLERATION,),
        switch=("nfd", "enabled"),
    ),
)
_OF_EFA_PLUGIN = (_DaemonSets("its daemonset", ("tolerations",), ()),)


def _check(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
    for member in resources:
        for container, _ in llm_servers(review, resource(member)):
            with review.reading(container.place):
                _check_server(review, container, resources)
    if operators := list(releases_of(review, resources, GPU_OPERATOR)):
        _check_releases(review, operators, _OF_GPU_OPERATOR, _gpu_groups(review, resources))
    if plugins := list(releases_of(review, resources, EFA_DEVICE_PLUGIN)):
        with_efa = [g for t in efa_templates(review, resources) for g in t.node_groups]
        _check_releases(review, plugins, _OF_EFA_PLUGIN, with_efa)


def _gpu_groups(review: Review, resources: Sequence[PolicyResource]) -> list[PolicyResource]:
    groups = []
    for group in of_type(resources, NODE_GROUP):
        with review.reading(resource(group).place):
            if is_gpu_group(group, resources):
                groups.append(group)
    return groups


def _check_server(
    review: Review, container: Container, resources: Sequence[PolicyResource]
) -> None:
    refused = []
    for group in of_type(resources, NODE_GROUP):
        if not any(map(may_have_gpus, selected_types(container.pod.spec, group, resources))):
            continue
        missing = _not_tolerated(group, child(container.pod.spec, "tolerations"))
        if not missing:
            return
        refused.append(f'{missing} of node group "{group.name}"')
    if refused and not container.partial:
        review.refuse(
            container.place,
            found=f"no toleration of {', nor '.join(refused)}",
            allowed="tolerations of all taints of a GPU node group that it may land on",
            fix="add them to tolerations of the pod",
        )


def _check_releases(
    review: Review,
    releases: Sequence[Release],
    parts: Sequence[_DaemonSets],
    groups: Sequence[PolicyResource],
) -> None:
    for release, daemonsets, group in product(releases, parts, groups):
        with review.reading(release.place):
            _check_daemonsets(review, release, daemonsets, group)


def _check_daemonsets(
    review: Review, release: Release, daemonsets: _DaemonSets, group: PolicyResource
) -> None:
    if daemonsets.switch and release.value(*daemonsets.switch) is False:
        return
    given = release.value(*daemonsets.tolerations)
    if missing := _not_tolerated(group, daemonsets.default if given is None else given):
        review.refuse(
            release.place,
            found=f'no toleration of {missing} of node group "{group.name}" for {daemonsets.name}',
            allowed="tolerations of all its taints",
            fix=f"add them to values.{'.'.join(daemonsets.tolerations)}",
        )


def _not_tolerated(group: PolicyResource, tolerations: Any) -> str:
    """The taints of `group` that keep away who has these tolerations, as text."""
    return ", ".join(str(t) for t in _taints(group) if not is_tolerated(t, tolerations))


@once
def _taints(group: PolicyResource) -> list[Taint]:
    found = []
    for fields in map(known, elements(child(declared(group), "taints"))):
        key, value = shown(child(fields, "key")), child(fields, "value") or ""
        effect = child(fields, "effect")
        if is_one_of(effect, _EFFECTS) and not key.endswith(_STARTUP):
            found.append(Taint(key, shown(value) if value else "", _EFFECTS[effect]))
    return found


POLICY = StackValidationPolicy(
    name="kubernetes-gpu-taints-tolerated",
    display_name="Taints of GPU nodes are tolerated",
    description="LLM servers and the daemonsets of the GPU operator and the EFA plugin tolerate"
    " the taints of the GPU nodes that they have to run on.",
    validate=of_stack(_check),
    severity=Severity.HIGH,
    tags=["eks", "gpu", "kubernetes", "scheduling"],
    remediation_steps="Add every taint of the node group to tolerations of the server's pod, and to"
    " values.daemonsets.tolerations and values.node-feature-discovery.worker.tolerations of the"
    " GPU operator and values.tolerations of the EFA plugin.",
    url="https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/",
)
