"""The containers of a workload that serve a model, and the flags that they start with."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from policies.kubernetes.workloads import Container, containers
from policies.memo import once
from policies.review import Resource, Review, noted_once
from policies.servers.accelerators import is_for_other_hardware
from policies.servers.command_lines import started_server
from policies.servers.deepspeed_mii_flags import MiiFlags
from policies.servers.server_flags import ServerFlags
from policies.servers.sglang_flags import SglangFlags
from policies.servers.starts import Engine
from policies.servers.tensorrt_llm_flags import TensorRtLlmFlags
from policies.servers.tgi_flags import TgiFlags
from policies.servers.triton_flags import TritonFlags
from policies.servers.vllm_flags import VllmFlags

_FLAGS: Mapping[Engine, type[ServerFlags]] = MappingProxyType(
    {
        "deepspeed_mii": MiiFlags,
        "sglang": SglangFlags,
        "tensorrt_llm": TensorRtLlmFlags,
        "tgi": TgiFlags,
        "triton": TritonFlags,
        "vllm": VllmFlags,
    }
)


@noted_once
def llm_servers(review: Review, subject: Resource) -> Iterator[tuple[Container, ServerFlags]]:
    """Each LLM server of `subject`; one whose flags cannot be read is noted and left out."""
    for container in containers(review, subject):
        flags = None
        with review.reading(container.place):
            flags = server_flags(container)
        if flags is not None and not container.is_ephemeral:
            yield container, flags


@once
def server_flags(container: Container) -> ServerFlags | None:
    """Flags of the server that `container` starts; None where it starts none, or not for GPUs."""
    started = started_server(container.fields, container.pod.variables)
    if started is None or is_for_other_hardware(container.fields):
        return None
    return _FLAGS[started.engine].parse(started.arguments, started.surroundings)
