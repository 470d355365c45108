"""What a stack serves, as far as alerts depend on it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Served:
    """One model server and its nodes.

    `startup_s` is how long an engine may take from its pod's creation to its first answer;
    `experts` are those of a layer, 1 for a dense model.
    """

    namespace: str
    model_name: str
    experts: int
    gpus_per_node: int
    startup_s: int
    engine_has_metrics: bool = True
    spans_nodes: bool = False
    expert_metrics: bool = False

    @property
    def expert_metrics_job(self) -> str:
        """Label `job` of what the PodMonitor of the plugin scrapes (prometheus-operator)."""
        return f"{self.namespace}/{expert_metrics_monitor(self.model_name)}"


def expert_metrics_monitor(server_name: str) -> str:
    """Name of the PodMonitor that asks the plugin in every pod of a server."""
    return f"{server_name}-experts"
