"""EFA is used where it is set up, and set up where it is used: advice, no refusal.

Nothing fails where this policy speaks up. An engine on one node talks through NVSwitch
and never touches EFA; vLLM's own image has no EFA libraries, and NCCL then falls back
to sockets without a word (vllm#55635); the huge pages that the EFA driver sets aside on
a node are there only for pods that request them.
"""

from collections.abc import Sequence

from pulumi_policy import EnforcementLevel, PolicyResource, Severity, StackValidationPolicy

from catalog.gpu_nodes import EFA_RESOURCE
from policies.efa import efa_templates
from policies.quantities import quantity
from policies.reading import child
from policies.review import Config, Resource, Review, of_stack, resource
from policies.vllm_flags import vllm_flags
from policies.workloads import Container, containers, kind_of_workload

_HUGE_PAGES = "hugepages-2Mi"
_STOCK_IMAGE = "vllm/vllm-openai"
_SEVERAL_NODES = "LeaderWorkerSet"


def _check(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
    is_used = False
    for subject in map(resource, resources):
        for container in containers(review, subject):
            # One that cannot be read may use it.
            uses = True
            with review.reading(container.place):
                uses = any(_amount(container, EFA_RESOURCE, of) for of in ("limits", "requests"))
                if uses:
                    _check_user(review, container, subject)
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


def _check_user(review: Review, container: Container, subject: Resource) -> None:
    with review.reading(container.place):
        _check_one_node(review, container, subject)
    with review.reading(container.place):
        _check_image(review, container)
    with review.reading(container.place):
        _check_huge_pages(review, container)


def _amount(container: Container, name: str, of: str = "limits") -> bool:
    return bool(quantity(container.quantities(of, name)))


def _check_one_node(review: Review, container: Container, subject: Resource) -> None:
    flags = vllm_flags(container.fields)
    if flags is None or kind_of_workload(subject) == _SEVERAL_NODES:
        return
    if flags.stays_in_its_pod():
        review.refuse(
            container.place,
            found=f"request {EFA_RESOURCE} of an engine on one node",
            allowed="none: its GPUs talk through NVSwitch",
            fix="leave the request out",
        )


def _check_image(review: Review, container: Container) -> None:
    image = child(container.fields, "image")
    if isinstance(image, str) and _is_stock(image):
        review.refuse(
            container.place,
            found=f"request {EFA_RESOURCE} with image {_STOCK_IMAGE}, which has no EFA libraries",
            allowed="an image with libfabric and aws-ofi-nccl",
            fix="build one, and look for NET/OFI in the log with NCCL_DEBUG=INFO",
        )


def _is_stock(image: str) -> bool:
    """Also where the image is a copy in another registry, under the same name."""
    path, _, last = image.partition("@")[0].rpartition("/")
    name = f"{path}/{last.partition(':')[0]}"
    return name == _STOCK_IMAGE or name.endswith(f"/{_STOCK_IMAGE}")


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
