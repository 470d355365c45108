"""EFA is used where it is set up, and set up where it is used: advice, no refusal.

Nothing fails where this policy speaks up. An engine on one node talks through NVSwitch
and never touches EFA; an image without EFA libraries falls back to sockets without a word
(vllm#55635); the huge pages that the EFA driver sets aside on a node are there only for
pods that request them. Of engines across nodes `engine_across_nodes` asks all that.
"""

from collections.abc import Sequence

from pulumi_policy import EnforcementLevel, PolicyResource, Severity, StackValidationPolicy

from catalog import efa_image
from catalog.gpu_nodes import EFA_RESOURCE
from policies.aws.efa import efa_templates
from policies.kubernetes.worker_groups import is_group_of_several
from policies.kubernetes.workloads import Container, containers
from policies.quantities import quantity
from policies.reading import child
from policies.review import Config, Review, of_stack, resource
from policies.servers.llm_servers import server_flags
from policies.servers.vllm_flags import VllmFlags

_HUGE_PAGES = "hugepages-2Mi"


def _check(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
    is_used = False
    for subject in map(resource, resources):
        for container in containers(review, subject):
            # One that cannot be read may use it.
            uses = True
            with review.reading(container.place):
                uses = any(_amount(container, EFA_RESOURCE, of) for of in ("limits", "requests"))
                if uses:
                    _check_user(review, container)
            is_used |= uses
    if is_used:
        return
    for template in efa_templates(review, resources):
        if template.node_groups:
            review.refuse(
                template.place,
                found="EFA interfaces that no workload requests",
                allowed="EFA for engines that span nodes",
                fix=f"leave EFA out, or request {EFA_RESOURCE} where an engine spans nodes",
            )


def _check_user(review: Review, container: Container) -> None:
    flags = server_flags(container)
    if isinstance(flags, VllmFlags):
        if flags.spans_pods() or is_group_of_several(container.pod):
            return
        is_alone = flags.stays_in_its_pod()
    else:
        # DeepSpeed-MII spans no nodes; whatever else asks for EFA is taken to need it.
        is_alone = flags is not None
    if is_alone:
        _advise_none(review, container)
        return
    with review.reading(container.place):
        _check_image(review, container)
    with review.reading(container.place):
        _check_huge_pages(review, container)


def _amount(container: Container, name: str, of: str = "limits") -> bool:
    return bool(quantity(container.quantities(of, name)))


def _advise_none(review: Review, container: Container) -> None:
    review.refuse(
        container.place,
        found=f"request {EFA_RESOURCE} of an engine on one node",
        allowed="none: its GPUs talk through NVSwitch",
        fix="leave the request out",
    )


def _check_image(review: Review, container: Container) -> None:
    image = child(container.fields, "image")
    if isinstance(image, str) and efa_image.is_stock(image):
        review.refuse(
            container.place,
            found=f"request {EFA_RESOURCE} with image {efa_image.STOCK_IMAGE}, which has no EFA"
            " libraries",
            allowed=efa_image.ALLOWED,
            fix="build one, and look for NET/OFI in the log with NCCL_DEBUG=INFO",
        )


def _check_huge_pages(review: Review, container: Container) -> None:
    if not _amount(container, _HUGE_PAGES):
        review.refuse(
            container.place,
            found=f"request {EFA_RESOURCE} without {_HUGE_PAGES}",
            allowed=f"{_HUGE_PAGES} as well, such as 5120Mi",
            fix=f"set resources.limits[{_HUGE_PAGES}] and the request to the same",
        )


POLICY = StackValidationPolicy(
    name="aws-efa-used",
    display_name="EFA is used where it is set up",
    description="EFA interfaces have a workload that requests them, and who requests them spans"
    " nodes and has the libraries and the huge pages for it.",
    validate=of_stack(_check),
    enforcement_level=EnforcementLevel.ADVISORY,
    severity=Severity.LOW,
    tags=["aws", "efa", "kubernetes", "vllm"],
    remediation_steps=f"Request {EFA_RESOURCE} and {_HUGE_PAGES} in engines that span nodes, with"
    " an image that has libfabric and aws-ofi-nccl; leave EFA out of the node group otherwise.",
    url="https://docs.aws.amazon.com/eks/latest/userguide/node-efa.html",
)
