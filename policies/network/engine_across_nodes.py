"""An engine whose processes are in several pods talks through EFA, and to nobody else.

vLLM's own image has no EFA libraries: NCCL in it falls back to TCP without a word, and every
token waits for the network (vllm#55635). What the processes say to each other is neither
encrypted nor authenticated, and whoever reaches their ports may run code (vLLM,
docs/usage/security.md). How the pods of a LeaderWorkerSet have to agree is in `worker_groups`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pulumi_policy import PolicyResource, Severity, StackValidationPolicy

from catalog import efa_image
from catalog.gpu_nodes import EFA_RESOURCE
from policies.kubernetes.label_selectors import is_selected
from policies.kubernetes.node_selection import gpu_nodes
from policies.kubernetes.worker_groups import check_group, is_group_of_several
from policies.kubernetes.workloads import Container
from policies.quantities import quantity
from policies.reading import child, elements, known, shown
from policies.review import Config, Review, of_stack, resource
from policies.servers.llm_servers import llm_servers
from policies.servers.server_flags import ServerFlags
from policies.servers.vllm_flags import VllmFlags

_HUGE_PAGES = "hugepages-2Mi"


def _check(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
    for subject in map(resource, resources):
        servers = [s for s in llm_servers(review, subject) if s[1].most_nodes > 1]
        for container, flags in servers:
            spans = False
            with review.reading(container.place):
                spans = flags.spans_pods() or is_group_of_several(container.pod)
            if spans:
                _check_server(review, container, flags, resources)
        check_group(review, subject.place, servers)


def _check_server(
    review: Review, container: Container, flags: ServerFlags, resources: Sequence[PolicyResource]
) -> None:
    with review.reading(container.place):
        _check_image(review, container)
    with review.reading(container.place):
        _check_installer(review, container, flags)
    with review.reading(container.place):
        _check_interfaces(review, container, resources)
    with review.reading(container.place):
        _check_huge_pages(review, container)
    with review.reading(container.place):
        _check_network(review, container, resources)


def _check_image(review: Review, container: Container) -> None:
    image = child(container.fields, "image")
    if isinstance(image, str) and efa_image.is_stock(image):
        review.refuse(
            container.place,
            found=f"image {shown(image)} of an engine across nodes, which has no EFA libraries",
            allowed=efa_image.ALLOWED,
            fix="build it, and name it by digest",
        )


def _check_installer(review: Review, container: Container, flags: ServerFlags) -> None:
    if container.partial:
        return
    version = container.pod.annotation(efa_image.INSTALLER_ANNOTATION)
    allowed = efa_image.refusal_of_installer(None if version is None else shown(version))
    if allowed is not None:
        is_vllm = isinstance(flags, VllmFlags)
        recipe = " (EFA_INSTALLER_VERSION of Dockerfile.efa)" if is_vllm else ""
        review.refuse(
            container.place,
            found=f"annotation {efa_image.INSTALLER_ANNOTATION} {shown(version)} of the pod",
            allowed=allowed,
            fix=f"write the version that the image was built with{recipe} into the annotations of"
            " the pod's template",
        )


def _check_interfaces(
    review: Review, container: Container, resources: Sequence[PolicyResource]
) -> None:
    nodes = gpu_nodes(review, container.pod.spec, resources)
    cards = {node.network_cards: node.name for node, _ in nodes}
    allowed = " or ".join(f"{n}, all EFA interfaces of {name}" for n, name in cards.items())
    amount = _amount(review, container, EFA_RESOURCE, allowed or "the EFA interfaces of its node")
    if amount is not None and cards and amount not in cards:
        review.refuse(
            container.place,
            found=f"limit {EFA_RESOURCE} {shown(amount)}",
            allowed=allowed,
            fix=f"set resources.limits[{EFA_RESOURCE}] and the request so",
        )


def _check_huge_pages(review: Review, container: Container) -> None:
    _amount(review, container, _HUGE_PAGES, "what the EFA driver sets aside, such as 5120Mi")


def _amount(review: Review, container: Container, name: str, allowed: str) -> float | None:
    """The limit, where there is one and the request is the same; else it is refused."""
    limit, request = container.quantities("limits", name), container.quantities("requests", name)
    amount = quantity(limit)
    if limit is None and container.partial:
        return None
    if amount is None or amount <= 0:
        review.refuse(
            container.place,
            found=f"limit {name} {shown(limit)} of an engine across nodes",
            allowed=allowed,
            fix=f"set resources.limits[{name}] and the request",
        )
        return None
    if request is not None and quantity(request) != amount:
        review.refuse(
            container.place,
            found=f"request {name} {shown(request)}",
            allowed=f"{shown(limit)}, its limit",
            fix=f"set resources.requests[{name}] to the limit, or leave it out",
        )
        return None
    return float(amount)


def _check_network(
    review: Review, container: Container, resources: Sequence[PolicyResource]
) -> None:
    if container.partial or is_selected(container.pod, "NetworkPolicy", resources, _keeps_out):
        return
    review.refuse(
        container.place,
        found="pods of an engine across nodes that no NetworkPolicy of the stack protects",
        allowed="a NetworkPolicy that selects them and says who may reach which port: what its"
        " processes say to each other is neither encrypted nor authenticated",
        fix="declare one with policyTypes Ingress whose podSelector matches the pods' labels",
    )


def _keeps_out(props: Mapping[str, Any]) -> bool:
    """Whether a NetworkPolicy is about who may come in, and is not there to let in everybody."""
    kinds = elements(child(props, "spec", "policyTypes"))
    if kinds and "Ingress" not in map(known, kinds):
        return False
    return all(_names_somebody(known(rule)) for rule in elements(child(props, "spec", "ingress")))


def _names_somebody(rule: Any) -> bool:
    return bool(elements(child(rule, "from")) or elements(child(rule, "ports")))


POLICY = StackValidationPolicy(
    name="kubernetes-llm-engine-across-nodes",
    display_name="Engines across nodes use EFA, among themselves",
    description="An LLM engine whose processes are in several pods has an image with EFA libraries,"
    " all EFA interfaces and huge pages; its pods agree, and a NetworkPolicy protects them.",
    validate=of_stack(_check),
    severity=Severity.CRITICAL,
    tags=["efa", "kubernetes", "network", "sglang", "tensorrt-llm", "vllm"],
    remediation_steps="Build the image with vLLM's Dockerfile.efa and write its installer's"
    f" version into the annotation {efa_image.INSTALLER_ANNOTATION}; request {EFA_RESOURCE} and"
    f" {_HUGE_PAGES}; give leader and workers the same sizes; declare a NetworkPolicy.",
    url="https://docs.vllm.ai/en/latest/usage/security/",
)
