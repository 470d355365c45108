"""The processes of an LLM server share memory through a /dev/shm that is large enough.

A container gets 64 MiB there. NCCL and an engine's own queues between the workers of one
server need more, and end it with a bus error or "No space left on device" (vllm#1710; TGI's
README, "A note on Shared Memory"). The kernel counts the volume as the container's memory, so
it has to be smaller than that.
"""

from decimal import Decimal
from typing import Any

from pulumi_policy import ResourceValidationPolicy, Severity

from catalog.instance_types import GIB
from policies.kubernetes.workloads import Container
from policies.quantities import quantity
from policies.reading import child, find, shown
from policies.review import Config, Resource, Review, of_resource
from policies.servers.llm_servers import llm_servers

_PATH = "/dev/shm"
_MIN_SIZE = "1Gi"
_FIX = (
    f"mount a volume at {_PATH} that is an emptyDir of medium Memory with a sizeLimit such as 16Gi"
)


def _check(review: Review, subject: Resource, config: Config) -> None:
    for container, flags in llm_servers(review, subject):
        with review.reading(container.place):
            if flags.gpus_of_pod() > 1:
                _check_volume(review, container)


def _check_volume(review: Review, container: Container) -> None:
    mount = find(child(container.fields, "volumeMounts"), _is_at_path)
    if mount is None:
        if not container.partial:
            review.refuse(
                container.place,
                found=f"no volume at {_PATH}, so 64 MiB for several GPUs",
                allowed="a volume in memory",
                fix=_FIX,
            )
        return
    name = child(mount, "name")
    volume = find(child(container.pod.spec, "volumes"), lambda each: child(each, "name") == name)
    if volume is None and container.partial:
        return
    directory = child(volume, "emptyDir")
    if child(directory, "medium") != "Memory":
        review.refuse(
            container.place,
            found=f"volume {shown(name)} at {_PATH}, which is not in memory",
            allowed="an emptyDir of medium Memory",
            fix=_FIX,
        )
        return
    _check_size(review, container, child(directory, "sizeLimit"))


def _check_size(review: Review, container: Container, limit: Any) -> None:
    size = quantity(limit)
    if size is None or size < GIB:
        review.refuse(
            container.place,
            found=f"sizeLimit {shown(limit)} of {_PATH}",
            allowed=f"{_MIN_SIZE} or more",
            fix=_FIX,
        )
        return
    memory = container.quantities("limits", "memory")
    # Whether there is a limit at all is for memory_limit to say.
    if size >= (quantity(memory) or Decimal("Infinity")):
        review.refuse(
            container.place,
            found=f"sizeLimit {shown(limit)} of {_PATH}",
            allowed=f"less than {shown(memory)}, the memory limit that it counts towards",
            fix="set sizeLimit lower, or resources.limits.memory higher",
        )


def _is_at_path(mount: Any) -> bool:
    path = child(mount, "mountPath")
    return isinstance(path, str) and path.rstrip("/") == _PATH


POLICY = ResourceValidationPolicy(
    name="kubernetes-llm-server-shared-memory",
    display_name="Servers of several GPUs have shared memory",
    description="An LLM server of several GPUs mounts a volume in memory at /dev/shm, large enough"
    " for NCCL and smaller than its memory limit.",
    validate=of_resource(_check),
    severity=Severity.HIGH,
    tags=["gpu", "kubernetes", "memory", "sglang", "tensorrt-llm", "tgi", "triton", "vllm"],
    remediation_steps=f"{_FIX[0].upper()}{_FIX[1:]}.",
    url="https://docs.vllm.ai/en/latest/deployment/k8s/",
)
