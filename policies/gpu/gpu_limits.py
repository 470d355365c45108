"""An LLM server asks for exactly the GPUs that its processes take.

With fewer, it fails while it starts; with more, GPUs of scarce nodes idle. vLLM takes tensor
parallel size x data parallel ranks x pipeline stages of its pod (vllm/config/parallel.py,
local_world_size); how others count is in `policies/servers`. One that takes all GPUs that it is
shown, such as TGI without a number of shards, only needs a limit.
"""

from pulumi_policy import ResourceValidationPolicy, Severity

from catalog.gpu_nodes import GPU_RESOURCE
from policies.kubernetes.workloads import Container
from policies.quantities import quantity
from policies.reading import child, elements, shown
from policies.review import Config, Resource, Review, UnreadableError, of_resource
from policies.servers.llm_servers import llm_servers
from policies.servers.server_flags import ServerFlags


def _check(review: Review, subject: Resource, config: Config) -> None:
    for container, flags in llm_servers(review, subject):
        with review.reading(container.place):
            _check_limit(review, container, flags)
        with review.reading(container.place):
            _check_request(review, container)


def _check_limit(review: Review, container: Container, flags: ServerFlags) -> None:
    limit = container.quantities("limits", GPU_RESOURCE)
    if limit is None and container.partial:
        return
    if limit is None and elements(child(container.fields, "resources", "claims")):
        review.could_not_check(container.place, "how many GPUs a ResourceClaim gives it")
        return
    try:
        needed = None if flags.takes_all_gpus() else flags.gpus_of_pod()
    except UnreadableError as error:
        review.refuse(
            container.place,
            found=str(error),
            allowed="sizes as literal numbers",
            fix=f"write --{flags.tensor_parallel} and the other parallel sizes as numbers in args",
        )
        needed = None
    number = quantity(limit)
    if limit is None or number is None or number <= 0:
        review.refuse(
            container.place,
            found=f"limit {GPU_RESOURCE} {shown(limit)}",
            allowed="a whole number of at least 1" if needed is None else str(needed),
            fix=f"set resources.limits[{GPU_RESOURCE}]",
        )
    elif needed is not None and number != needed:
        review.refuse(
            container.place,
            found=f"limit {GPU_RESOURCE} {shown(limit)}",
            allowed=f"{needed}, as many as its processes take ({flags.sizes()})",
            fix=f"set resources.limits[{GPU_RESOURCE}] to {needed}, or the parallel size to match",
        )


def _check_request(review: Review, container: Container) -> None:
    request = container.quantities("requests", GPU_RESOURCE)
    limit = container.quantities("limits", GPU_RESOURCE)
    if request is not None and quantity(request) != quantity(limit):
        review.refuse(
            container.place,
            found=f"request {GPU_RESOURCE} {shown(request)}",
            allowed=f"{shown(limit)}, its limit",
            fix=f"set resources.requests[{GPU_RESOURCE}] to the limit, or leave it out",
        )


POLICY = ResourceValidationPolicy(
    name="kubernetes-llm-server-gpu-limits",
    display_name="GPUs match the parallel size",
    description="An LLM server has a limit of GPUs that equals its request"
    " and the number of GPUs that its processes take.",
    validate=of_resource(_check),
    severity=Severity.HIGH,
    tags=["deepspeed-mii", "gpu", "kubernetes", "sglang", "tensorrt-llm", "tgi", "triton", "vllm"],
    remediation_steps=f"Set resources.limits[{GPU_RESOURCE}] to the tensor parallel size"
    " (times data parallel ranks and pipeline stages in the pod), and requests to the same.",
    url="https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/",
)
