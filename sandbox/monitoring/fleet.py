"""Who plays: the engines that serve a model, and the nodes under them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Engine:
    """One vLLM server: its pod, and the node of that pod."""

    pod: str
    node: str


@dataclass(frozen=True, slots=True)
class Fleet:
    """All engines of one model server, and all GPU nodes.

    `layers` are those with experts, `experts` those of a layer.
    """

    engines: tuple[Engine, ...]
    nodes: tuple[str, ...]
    namespace: str = "model-serving"
    server: str = "mixtral-8x7b-instruct"
    gpus_per_node: int = 8
    efa_interfaces: int = 4
    layers: int = 32
    experts: int = 8


EXAMPLE = Fleet(
    engines=(
        Engine("mixtral-8x7b-instruct-7c9f4d-abcde", "ip-10-20-1-11.ec2.internal"),
        Engine("mixtral-8x7b-instruct-7c9f4d-fghij", "ip-10-20-1-12.ec2.internal"),
    ),
    nodes=("ip-10-20-1-11.ec2.internal", "ip-10-20-1-12.ec2.internal"),
)
"""Mixtral 8x7B on two p4d.24xlarge."""
