"""What of a sandbox runs now. Takes no lock and changes nothing."""

from dataclasses import dataclass
from pathlib import Path

from sandbox.control_plane.operator_processes import KEDA_NAMES, OPERATOR_NAMES
from sandbox.control_plane.process_specs import PROCESS_NAMES
from sandbox.endpoints import Endpoints, read_endpoints
from sandbox.monitoring.processes import MONITORING_NAMES
from sandbox.paths import SandboxPaths, default_paths
from sandbox.processes import ProcessTable

# Which process listens on which port.
PORT_OWNERS = {
    "etcd_port": "etcd",
    "etcd_peer_port": "etcd",
    "kube_port": "kube-apiserver",
    "moto_port": "moto",
    "token_review_port": "moto",
    "service_proxy_port": "service-proxy",
    "lws_webhook_port": "lws-controller-manager",
    "keda_metrics_service_port": "keda-operator",
    "keda_adapter_port": "keda-adapter",
    "prometheus_port": "prometheus",
    "player_port": "scene-player",
}


@dataclass(frozen=True)
class ProcessStatus:
    """One process; `pid` is None and `rss_mib` 0 when it does not run."""

    name: str
    pid: int | None
    rss_mib: float
    port: int | None
    log: Path

    @property
    def alive(self) -> bool:
        return self.pid is not None


@dataclass(frozen=True)
class SandboxStatus:
    """All processes in start order; `endpoints` is None where no sandbox was ever started."""

    state: Path
    endpoints: Endpoints | None
    processes: tuple[ProcessStatus, ...]
    finished: bool
    """Whether the last `up` got through."""

    @property
    def running(self) -> bool:
        return all(process.alive for process in self.processes)

    @property
    def trouble(self) -> str | None:
        """What is wrong and what to do about it; None where nothing is, or no sandbox."""
        stopped = [process.name for process in self.processes if not process.alive]
        if self.endpoints is None:
            return None
        if stopped:
            names = "all of it" if len(stopped) == len(self.processes) else ", ".join(stopped)
            return f"stopped: {names}; run `make up` again, it goes on from there"
        return None if self.finished else "incomplete: run `make up` again"

    @property
    def rss_mib(self) -> float:
        return sum(process.rss_mib for process in self.processes)


def status(paths: SandboxPaths | None = None) -> SandboxStatus:
    """All processes of the sandbox at `paths` (default: of this checkout)."""
    paths = paths or default_paths()
    table = ProcessTable(paths.processes, paths.state)
    endpoints = read_endpoints(paths)
    processes = []
    optional = tuple(name for name in (*KEDA_NAMES, *MONITORING_NAMES) if table.recorded(name))
    for name in (*PROCESS_NAMES, *OPERATOR_NAMES, *optional):
        running = table.running(name)
        fields = [field for field, owner in PORT_OWNERS.items() if owner == name]
        processes.append(
            ProcessStatus(
                name,
                running.pid if running else None,
                running.rss_mib() if running else 0.0,
                endpoints.port(fields[0]) if endpoints and fields else None,
                paths.logs / f"{name}.log",
            )
        )
    finished = endpoints is not None and not paths.unfinished.exists()
    return SandboxStatus(paths.state, endpoints, tuple(processes), finished)
