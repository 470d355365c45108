"""The plugin that counts tokens per expert, in every pod of a model server.

It comes by ConfigMap instead of in the image (docs/adr/0009): vLLM's own image, or one with EFA
libraries, serves as it is, and switching the plugin off takes away all of it.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import pulumi
from pulumi_kubernetes import apiextensions, core, meta

from catalog.alerts.served import expert_metrics_monitor
from components.monitoring import RELEASE_LABEL
from expert_metrics.environment import DEFAULT_PORT, MODEL_NAME_VARIABLE, PORT_VARIABLE

_FOLDER = "/opt/expert-metrics"
_VOLUME = "expert-metrics"


@dataclass(frozen=True, slots=True)
class ExpertMetrics:
    """What the plugin adds to a pod. Each data parallel rank is a process with its own port."""

    server_name: str
    config_map: pulumi.Input[str]
    data_parallel_size: int

    @property
    def ports(self) -> range:
        return range(DEFAULT_PORT, DEFAULT_PORT + self.data_parallel_size)

    def container_ports(self) -> list[core.v1.ContainerPortArgs]:
        return [
            core.v1.ContainerPortArgs(name=_port_name(rank), container_port=port)
            for rank, port in enumerate(self.ports)
        ]

    def environment(self) -> list[core.v1.EnvVarArgs]:
        return [
            core.v1.EnvVarArgs(name="PYTHONPATH", value=_FOLDER),
            core.v1.EnvVarArgs(name=PORT_VARIABLE, value=str(DEFAULT_PORT)),
            core.v1.EnvVarArgs(name=MODEL_NAME_VARIABLE, value=self.server_name),
        ]

    def mounts(self) -> list[core.v1.VolumeMountArgs]:
        return [core.v1.VolumeMountArgs(name=_VOLUME, mount_path=_FOLDER, read_only=True)]

    def volumes(self) -> list[core.v1.VolumeArgs]:
        items = [core.v1.KeyToPathArgs(key=key, path=path) for key, (path, _) in files().items()]
        source = core.v1.ConfigMapVolumeSourceArgs(name=self.config_map, items=items)
        return [core.v1.VolumeArgs(name=_VOLUME, config_map=source)]


def expert_metrics(
    name: str,
    metadata: meta.v1.ObjectMetaArgs,
    labels: Mapping[str, str],
    *,
    server_name: str,
    data_parallel_size: int,
    opts: pulumi.ResourceOptions,
) -> ExpertMetrics:
    """The plugin's files, and the PodMonitor: every pod has counts, the API's pod or not.

    `metadata` is that of the server, whose pods carry `labels`.
    """
    monitor = expert_metrics_monitor(server_name)
    content = {key: text for key, (_, text) in files().items()}
    digest = hashlib.sha256(repr(sorted(content.items())).encode()).hexdigest()[:8]
    config_map = core.v1.ConfigMap(
        f"{name}-experts",
        # Named by its content: engines roll when the plugin changes.
        metadata=_named(metadata, f"{monitor}-{digest}"),
        data=content,
        immutable=True,
        opts=opts,
    )
    added = ExpertMetrics(server_name, config_map.metadata.name, data_parallel_size)
    endpoints = [
        {"port": _port_name(rank), "interval": "30s"} for rank in range(data_parallel_size)
    ]
    apiextensions.CustomResource(
        f"{name}-experts",
        api_version="monitoring.coreos.com/v1",
        kind="PodMonitor",
        metadata=_named(metadata, monitor, {**labels, **RELEASE_LABEL}),
        spec={"selector": {"matchLabels": dict(labels)}, "podMetricsEndpoints": endpoints},
        opts=opts,
    )
    return added


def files() -> dict[str, tuple[str, str]]:
    """What a ConfigMap holds, and where: key to path below the mount, and text.

    The package, and beside it the two files of an installed distribution by which Python finds
    an entry point.
    """
    folder = resources.files("expert_metrics")
    distribution = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    groups = distribution["entry-points"]
    entry_points = "".join(
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in points.items())
        for group, points in groups.items()
    )
    named = {"Name": distribution["name"], "Version": distribution["version"]}
    metadata = "Metadata-Version: 2.1\n" + "".join(f"{k}: {v}\n" for k, v in named.items())
    info = f"{distribution['name'].replace('-', '_')}-{distribution['version']}.dist-info"
    modules = {
        module.name: (f"expert_metrics/{module.name}", module.read_text())
        for module in folder.iterdir()
        if module.name.endswith(".py")
    }
    return {
        **dict(sorted(modules.items())),
        "METADATA": (f"{info}/METADATA", metadata),
        "entry_points.txt": (f"{info}/entry_points.txt", entry_points),
    }


def _port_name(rank: int) -> str:
    return f"experts-{rank}"


def _named(
    metadata: meta.v1.ObjectMetaArgs, name: str, labels: Mapping[str, str] | None = None
) -> meta.v1.ObjectMetaArgs:
    return meta.v1.ObjectMetaArgs(
        name=name, namespace=metadata.namespace, labels=dict(labels) if labels else metadata.labels
    )
