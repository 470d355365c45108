"""An LLM server has the host memory that loading its model takes, all of it guaranteed.

Without a limit one server can push its neighbours off the node; with a request
below the limit the kernel may kill it while it loads; the least amount is
`catalog.memory_fit.host_memory_needed_gib`.
"""

import math
from decimal import Decimal

from pulumi_policy import ResourceValidationPolicy, Severity

from catalog.instance_types import GIB
from catalog.memory_fit import host_memory_needed_gib
from policies.kubernetes.workloads import Container
from policies.quantities import quantity
from policies.reading import child, elements, known, shown
from policies.review import Config, Resource, Review, of_resource
from policies.servers.llm_servers import llm_servers
from policies.servers.server_flags import ServerFlags


def _check(review: Review, subject: Resource, config: Config) -> None:
    for container, flags in llm_servers(review, subject):
        with review.reading(container.place):
            _check_amount(review, container, flags)
        with review.reading(container.place):
            _check_request(review, container)


def _check_amount(review: Review, container: Container, flags: ServerFlags) -> None:
    limit = container.quantities("limits", "memory")
    if limit is None and container.partial:
        return
    amount = quantity(limit)
    if amount is None or amount <= 0:
        review.refuse(
            container.place,
            found=f"memory limit {shown(limit)}",
            allowed="a quantity such as 640Gi",
            fix="set resources.limits.memory",
        )
        return
    model = flags.model()
    if model is None:
        return
    if not flags.weights_as_catalogued(model):
        review.could_not_check(
            container.place,
            f"how much memory {model.name} needs here: its weights are not as wide as the"
            " catalogue has them",
        )
        return
    shm_gib = _memory_volumes_gib(review, container)
    gpus = flags.gpus_of_pod()
    needed_gib = math.ceil(host_memory_needed_gib(model, gpus=gpus, shm_gib=shm_gib))
    if amount < needed_gib * GIB:
        review.refuse(
            container.place,
            found=f"memory limit {shown(limit)}",
            allowed=f"{needed_gib}Gi or more ({model.name}: its weights,"
            f" {shm_gib:g} GiB of memory volumes and {gpus} workers)",
            fix=f"set resources.limits.memory and requests.memory to at least {needed_gib}Gi",
        )


def _check_request(review: Review, container: Container) -> None:
    request = container.quantities("requests", "memory")
    limit = container.quantities("limits", "memory")
    # Without a request Kubernetes takes the limit.
    if request is not None and quantity(request) != quantity(limit):
        review.refuse(
            container.place,
            found=f"memory request {shown(request)}",
            allowed=f"{shown(limit)}, its limit",
            fix="set resources.requests.memory to the limit",
        )


def _memory_volumes_gib(review: Review, container: Container) -> float:
    """Size of the tmpfs volumes that the container mounts: the kernel counts them as its memory."""
    mounted = []
    for mount in elements(child(container.fields, "volumeMounts")):
        with review.reading(container.place):
            mounted.append(child(known(mount), "name"))
    total = Decimal(0)
    for volume in elements(child(container.pod.spec, "volumes")):
        with review.reading(container.place):
            directory = child(known(volume), "emptyDir")
            if child(directory, "medium") == "Memory" and child(volume, "name") in mounted:
                total += quantity(child(directory, "sizeLimit")) or 0
    return float(total / GIB)


POLICY = ResourceValidationPolicy(
    name="kubernetes-llm-server-memory-limit",
    display_name="Memory is limited, guaranteed and enough for the model",
    description="An LLM server has a memory limit that equals its request"
    " and holds what loading its model takes.",
    validate=of_resource(_check),
    severity=Severity.HIGH,
    tags=["kubernetes", "memory", "sglang", "tensorrt-llm", "tgi", "triton", "vllm"],
    remediation_steps="Set requests.memory and limits.memory to the same quantity, at least the"
    " weights of the model plus its memory-backed volumes plus 4 GiB a GPU.",
    url="https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
)
