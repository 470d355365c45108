"""What is allowed in a stack file and hardly ever meant.

None of it stops anything: the program logs it, and `moe preflight` shows it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from catalog import models
from catalog.startup import read_s
from stacks.settings import Settings
from stacks.settings.gpu_node_group import OnDemand
from stacks.settings.model_weights import InstanceStoreWeights

UPDATE_STRATEGY = "gpu_node_group.update.strategy"
_LONG_START_S = 600


@dataclass(frozen=True, slots=True)
class Advice:
    """`found` is about the dotted `key` of the stack file, `instead` is what to write."""

    key: str
    found: str
    instead: str

    @property
    def message(self) -> str:
        return f"{self.found}: {self.instead}"


def advice(settings: Settings) -> list[Advice]:
    """In the order of the stack file."""
    return [
        *_efa_for_nobody(settings),
        *_update_waits(settings),
        *_engines_wait(settings),
        *_slow_start(settings),
    ]


def _efa_for_nobody(settings: Settings) -> Iterator[Advice]:
    """Tensor parallelism inside a node talks through NVSwitch, never through EFA."""
    gpus = settings.gpu_node_group
    if not gpus.efa.enabled or settings.model_server.nodes_per_engine > 1:
        return
    if gpus.max_nodes < 2:
        found = "EFA on at most one node has nobody to talk to"
    else:
        found = "no engine spans nodes, so nothing uses EFA"
    costs = (
        "its placement group narrows where EC2 finds capacity"
        if gpus.placement().kind == "create"
        else "its interfaces narrow which instances and layouts start"
    )
    yield Advice(
        "gpu_node_group.efa.enabled",
        f"{found}, and {costs}",
        "set it to false, or keep it for engines across nodes",
    )


def _update_waits(settings: Settings) -> Iterator[Advice]:
    gpus = settings.gpu_node_group
    if isinstance(gpus.capacity, OnDemand) or gpus.update.strategy != "create_first":
        return
    if gpus.min_nodes == gpus.max_nodes:
        yield Advice(
            UPDATE_STRATEGY,
            f"create_first waits for one node more than the {gpus.max_nodes} that always run, which"
            " a reservation of as many never has",
            "set it to terminate_first, or reserve one node more",
        )


def _engines_wait(settings: Settings) -> Iterator[Advice]:
    """Nothing here scales nodes: the first number of them stays until somebody changes it."""
    gpus, wanted = settings.gpu_node_group, settings.model_server.replicas
    room = settings.engines_on(gpus.desired_nodes)
    if wanted > room:
        yield Advice(
            "model_server.replicas",
            f"{wanted} engines, and room for {room} on desired_nodes {gpus.desired_nodes}: the"
            " others wait until somebody adds nodes",
            "raise desired_nodes (min_nodes, once the group exists), or have an autoscaler",
        )


def _slow_start(settings: Settings) -> Iterator[Advice]:
    weights = settings.model_weights
    if not isinstance(weights, InstanceStoreWeights):
        return
    model = models.model(settings.model_server.model)
    seconds = read_s(model, mib_per_s=weights.slowest_mib_per_s)
    if seconds > _LONG_START_S:
        yield Advice(
            "model_weights.kind",
            f"at {weights.slowest_mib_per_s} MiB/s each new node downloads {model.name} for"
            f" {seconds / 60:.0f} minutes before it serves",
            "keep the weights in s3 or fsx_lustre",
        )
