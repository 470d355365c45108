"""The processes of the monitoring: Prometheus, its rules, and who plays the cluster to it.

They listen on loopback, as all of the sandbox does, and ask nobody who it is: there is nothing to
read or to change here but what is played.
"""

import sys
import urllib.request
from pathlib import Path

from durable.files import OWNER_ONLY_FOLDER, write_private
from sandbox.control_plane.process_specs import (
    PROBE_SECONDS,
    go_environment,
    probe,
    python_environment,
)
from sandbox.endpoints import Endpoints
from sandbox.monitoring.configuration import command, configuration
from sandbox.paths import SandboxPaths
from sandbox.processes import ProcessSpec
from sandbox.toolchain.ensure import PrometheusTools

MONITORING_NAMES = ("scene-player", "rule-loader", "prometheus")
"""Run only where Prometheus is asked for."""


def monitoring_specs(
    paths: SandboxPaths, endpoints: Endpoints, tools: PrometheusTools, speed: int
) -> tuple[ProcessSpec, ...]:
    """All of them; their clock runs `speed` times as fast as ours."""
    return (
        _player(paths, endpoints, speed),
        _rule_loader(paths, speed),
        _prometheus(paths, endpoints, tools, speed),
    )


def recorded_speed(paths: SandboxPaths) -> int | None:
    """How fast the clock of this sandbox' Prometheus runs; None where it has none."""
    try:
        return int(_speed_file(paths).read_text())
    except (OSError, ValueError):
        return None


def write_prometheus_configuration(paths: SandboxPaths, endpoints: Endpoints, speed: int) -> None:
    """What Prometheus reads at start, and the speed for the next `recorded_speed`."""
    write_private(_speed_file(paths), str(speed))
    rules = paths.prometheus / "rules"
    rules.mkdir(mode=OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
    text = configuration(rules, endpoints.player_url, speed)
    write_private(paths.prometheus / "prometheus.json", text)


def _speed_file(paths: SandboxPaths) -> Path:
    return paths.prometheus / "speed"


def _player(paths: SandboxPaths, endpoints: Endpoints, speed: int) -> ProcessSpec:
    return ProcessSpec(
        "scene-player",
        (sys.executable, "-m", "sandbox.monitoring.player_process", str(paths.root), str(speed)),
        python_environment(paths),
        paths.logs / "scene-player.log",
        after=("kube-apiserver",),
        ports=("player_port",),
        inputs=(paths.admin_kubeconfig,),
        settings=(str(endpoints.player_port),),
        ready=lambda: probe(lambda: _answers(f"{endpoints.player_url}/scene")),
    )


def _rule_loader(paths: SandboxPaths, speed: int) -> ProcessSpec:
    return ProcessSpec(
        "rule-loader",
        (sys.executable, "-m", "sandbox.monitoring.rule_loader", str(paths.root), str(speed)),
        python_environment(paths),
        paths.logs / "rule-loader.log",
        after=("kube-apiserver",),
        inputs=(paths.admin_kubeconfig,),
    )


def _prometheus(
    paths: SandboxPaths, endpoints: Endpoints, tools: PrometheusTools, speed: int
) -> ProcessSpec:
    return ProcessSpec(
        "prometheus",
        command(tools.prometheus, paths.prometheus, endpoints.prometheus_port, speed),
        go_environment(),
        paths.logs / "prometheus.log",
        after=("scene-player",),
        ports=("prometheus_port",),
        inputs=(paths.prometheus / "prometheus.json",),
        ready=lambda: probe(lambda: _answers(f"{endpoints.prometheus_url}/-/ready")),
    )


def _answers(url: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(url, timeout=PROBE_SECONDS).close()
