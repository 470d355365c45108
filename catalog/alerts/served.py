"""What a stack serves, as far as alerts depend on it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Served:
    """One model server and its nodes.

    `model_name` is a DNS label, and also the name of the Service; `experts` are those of a layer,
    1 for a dense model; `startup_s` is how long an engine may take from its pod's creation to its
    first answer; `engines` are the fewest that should run; `queue_is_limited` where an engine
    refuses requests past a limit.
    """

    namespace: str
    model_name: str
    experts: int
    gpus_per_node: int
    startup_s: int
    engines: int = 1
    engine_has_metrics: bool = True
    queue_is_limited: bool = False
    spans_nodes: bool = False
    expert_metrics: bool = False

    @property
    def pods(self) -> str:
        """Selector of all pods of its engines in series of kube-state-metrics."""
        return f'namespace="{self.namespace}",pod=~"{self.model_name}-.+"'

    @property
    def answering_pods(self) -> str:
        """The same of the pods that answer requests: of an engine across nodes the leader."""
        if not self.spans_nodes:
            return self.pods
        return f'namespace="{self.namespace}",pod=~"{self.model_name}-group-[0-9]+"'

    @property
    def scrape(self) -> str:
        """Selector of the series `up` of its engines: a ServiceMonitor's job is the Service."""
        return f'namespace="{self.namespace}",job="{self.model_name}"'

    @property
    def expert_metrics_job(self) -> str:
        """Label `job` of what the PodMonitor of the plugin scrapes (prometheus-operator)."""
        return f"{self.namespace}/{expert_metrics_monitor(self.model_name)}"


def expert_metrics_monitor(server_name: str) -> str:
    """Name of the PodMonitor that asks the plugin in every pod of a server."""
    return f"{server_name}-experts"
