"""The containers of a workload that serve a model, and the flags that they start with."""

from collections.abc import Iterator

from policies.review import Resource, Review
from policies.vllm_flags import Flags, vllm_flags
from policies.workloads import Container, containers


def llm_servers(review: Review, subject: Resource) -> Iterator[tuple[Container, Flags]]:
    """Each LLM server of `subject`; one whose flags cannot be read is noted and left out."""
    for container in containers(review, subject):
        flags = None
        with review.reading(container.place):
            flags = vllm_flags(container.fields)
        if flags is not None and not container.is_ephemeral:
            yield container, flags
