"""The player of a sandbox: its engines and nodes are those that the cluster has."""

import sys
import threading
import time
from pathlib import Path

from catalog import gpu_nodes, models
from components.engine_workload import ANSWERS
from sandbox.control_plane.kube_api import KubeApi, KubeApiError
from sandbox.endpoints import read_endpoints
from sandbox.monitoring.fleet import Engine, Fleet
from sandbox.monitoring.player import Player, PlayerServer
from sandbox.paths import SandboxPaths
from stacks.settings.model_server import NAMESPACE

POLL_SECONDS = 2.0
_NOTHING = Fleet(engines=(), nodes=())


def deployed_fleet(kube: KubeApi) -> Fleet:
    """What runs in the cluster: engines by the pods that answer requests."""
    nodes = {
        node["metadata"]["name"]: node["status"]["allocatable"]
        for node in kube.items("/api/v1/nodes")
        if gpu_nodes.GPU_RESOURCE in node["status"].get("allocatable", {})
    }
    pods = [
        pod
        for pod in kube.items(f"/api/v1/namespaces/{NAMESPACE}/pods")
        if ANSWERS.items() <= pod["metadata"].get("labels", {}).items()
        and pod["spec"].get("nodeName")
        and "deletionTimestamp" not in pod["metadata"]
    ]
    if not nodes or not pods:
        return _NOTHING
    first = next(iter(nodes.values()))
    model = models.model(pods[0]["spec"]["containers"][0]["args"][0])
    return Fleet(
        engines=tuple(Engine(pod["metadata"]["name"], pod["spec"]["nodeName"]) for pod in pods),
        nodes=tuple(nodes),
        namespace=NAMESPACE,
        server=pods[0]["metadata"]["labels"]["app.kubernetes.io/instance"],
        gpus_per_node=int(first[gpu_nodes.GPU_RESOURCE]),
        efa_interfaces=int(first.get(gpu_nodes.EFA_RESOURCE, 0)),
        layers=model.layers,
        experts=model.experts,
    )


def main() -> None:
    """Arguments: the checkout whose sandbox it belongs to, and how much faster scenes are."""
    paths, speed = SandboxPaths(Path(sys.argv[1])), int(sys.argv[2])
    endpoints = read_endpoints(paths)
    if endpoints is None:
        raise SystemExit(f"{paths.endpoints} cannot be read")
    kube = KubeApi(paths.admin_kubeconfig)
    server = PlayerServer(Player(_NOTHING, speed), endpoints.player_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while True:
        try:
            server.player.fleet = deployed_fleet(kube)
        except (KubeApiError, ValueError) as error:
            print(error, file=sys.stderr, flush=True)  # noqa: T201
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main()
