"""What Prometheus finds to scrape, with the labels that monitors of each kind bring."""

from components.gpu_operator import NAMESPACE as GPU_OPERATOR
from components.monitoring import NAMESPACE as MONITORING
from expert_metrics.environment import DEFAULT_PORT
from sandbox.monitoring.fleet import Engine, Fleet
from sandbox.monitoring.series import Target


def engine(engine: Engine, fleet: Fleet) -> Target:
    """Found by the ServiceMonitor of the model server: the job is the Service."""
    labels = {"job": fleet.server, "service": fleet.server}
    return Target({**labels, **_of_engine(engine, fleet, "http", 8000)})


def expert_metrics(engine: Engine, fleet: Fleet) -> Target:
    """Found by a PodMonitor: the job is the monitor's namespace and name."""
    labels = {"job": f"{fleet.namespace}/{fleet.server}-experts"}
    return Target({**labels, **_of_engine(engine, fleet, "experts-0", DEFAULT_PORT)})


def dcgm(node: str) -> Target:
    return _on_node("nvidia-dcgm-exporter", GPU_OPERATOR, node, 9400)


def node_status(node: str) -> Target:
    return _on_node("nvidia-node-status-exporter", GPU_OPERATOR, node, 8000)


def gpu_operator() -> Target:
    return Target({**_pod("gpu-operator", GPU_OPERATOR), "service": "gpu-operator"})


def efa(node: str) -> Target:
    """Found by a PodMonitor, which writes the node's name into a label."""
    on_node = _on_node("efa-exporter", MONITORING, node, 9810).labels
    labels = {key: value for key, value in on_node.items() if key != "service"}
    return Target({**labels, "job": f"{MONITORING}/efa-exporter", "node": node})


def kube_state_metrics() -> Target:
    name = "kube-state-metrics"
    return Target({**_pod(name, MONITORING), "service": name}, honor_labels=True)


def _of_engine(engine: Engine, fleet: Fleet, endpoint: str, port: int) -> dict[str, str]:
    return {
        "namespace": fleet.namespace,
        "pod": engine.pod,
        "container": "vllm",
        "endpoint": endpoint,
        "instance": f"{engine.pod}:{port}",
    }


def _on_node(name: str, namespace: str, node: str, port: int) -> Target:
    pod = {"pod": f"{name}-{node.split('.')[0]}", "instance": f"{node}:{port}"}
    return Target({**_pod(name, namespace), **pod, "service": name})


def _pod(name: str, namespace: str) -> dict[str, str]:
    return {
        "job": name,
        "namespace": namespace,
        "pod": f"{name}-0",
        "container": name,
        "endpoint": "metrics",
        "instance": f"{name}:8080",
    }
