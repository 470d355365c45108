"""The processes of an LLM server share memory through a /dev/shm that is large enough.

A container gets 64 MiB there. NCCL and an engine's own queues between the workers of one
server need more, and end it with a bus error or "No space left on device" (vllm#1710; TGI's
README, "A note on Shared Memory"). The kernel counts the volume as the container's memory, so
it has to be smaller than that.

A server that has none gets one. What that takes of its memory limit is for `memory_limit` to
judge, which counts the volume like any other and refuses a limit that is now too small.
"""

import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from pulumi_policy import EnforcementLevel, ResourceValidationPolicy, Severity

from catalog.instance_types import GIB
from policies import remedy
from policies.kubernetes.workloads import Container
from policies.quantities import quantity
from policies.reading import child, elements, find, known, shown
from policies.remedy import Edit
from policies.review import Config, Resource, Review, of_resource
from policies.servers.llm_servers import llm_servers

_PATH = "/dev/shm"
_MIN_SIZE = "1Gi"
_MENDED_SIZE = "16Gi"
_VOLUME = "shared-memory"
_FIX = (
    f"mount a volume at {_PATH} that is an emptyDir of medium Memory with a sizeLimit such as"
    f" {_MENDED_SIZE}"
)


def _check(review: Review, subject: Resource, config: Config) -> None:
    for container in _of_several_gpus(review, subject):
        with review.reading(container.place):
            _check_volume(review, container)


def _mend(review: Review, subject: Resource) -> Iterator[Edit]:
    """Containers of one pod share its volume; the kernel counts for each what it writes."""
    mended = set()
    for container in _of_several_gpus(review, subject):
        with review.reading(container.place):
            if not _can_be_given(container):
                continue
            volumes = elements(child(container.pod.spec, "volumes"))
            names = {child(known(volume), "name") for volume in volumes}
            name = next(n for n in _names() if n not in names)
            mounts = len(elements(child(container.fields, "volumeMounts")))
            if container.pod.path not in mended:
                mended.add(container.pod.path)
                directory = {"medium": "Memory", "sizeLimit": _MENDED_SIZE}
                at = (*container.pod.path, "spec", "volumes", len(volumes))
                yield at, {"name": name, "emptyDir": directory}
            yield (
                (*container.path, "volumeMounts", mounts),
                {"name": name, "mountPath": _PATH},
            )


def _can_be_given(container: Container) -> bool:
    """Whether it has no volume there, and memory for one; else somebody has to decide."""
    if container.partial or find(child(container.fields, "volumeMounts"), _is_at_path) is not None:
        return False
    memory = quantity(container.quantities("limits", "memory"))
    return memory is None or memory > (quantity(_MENDED_SIZE) or 0)


def _names() -> Iterator[str]:
    yield _VOLUME
    yield from (f"{_VOLUME}-{n}" for n in itertools.count(2))


def _of_several_gpus(review: Review, subject: Resource) -> Iterator[Container]:
    for container, flags in llm_servers(review, subject):
        several = False
        with review.reading(container.place):
            several = flags.gpus_of_pod() > 1
        if several:
            yield container


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
    remediate=remedy.of_workload(_mend),
    enforcement_level=EnforcementLevel.REMEDIATE,
    severity=Severity.HIGH,
    tags=[
        "gpu",
        "kubernetes",
        "memory",
        "remediated",
        "sglang",
        "tensorrt-llm",
        "tgi",
        "triton",
        "vllm",
    ],
    remediation_steps=f"{_FIX[0].upper()}{_FIX[1:]}.",
    url="https://docs.vllm.ai/en/latest/deployment/k8s/",
)
