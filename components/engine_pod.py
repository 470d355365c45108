"""The pod of an engine: where it runs, as whom, with which disks, and how long it may take to end.

The engine's own container comes from `vllm_container` or `deepspeed_mii_container`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import core, meta

from catalog import gpu_nodes
from components.expert_metrics import ExpertMetrics
from components.weights_source import WeightsSource
from stacks.settings.model_server import ModelServerSettings

CACHE = "/cache"
"""Writable folder of the pod: weights, compiled kernels."""

PORT = 8000

MANAGED = {"app.kubernetes.io/managed-by": "pulumi"}
"""Label of objects, and of no selector: those can never change."""

PRESTOP_S = 15
"""Endpoints take a moment to forget a pod; requests that still arrive are served."""

_MARGIN_S = 30
"""From the end of the drain to SIGKILL: processes give back their GPUs."""


@dataclass(frozen=True, slots=True)
class EnginePod:
    """Sizes are literals, never outputs: a policy must see them in a preview.

    `labels` are those that all pods of the server share; `tolerations` are what the GPU nodes
    ask for.
    """

    settings: ModelServerSettings
    weights: WeightsSource
    tolerations: Sequence[Mapping[str, str]]
    labels: Mapping[str, str]
    service_account: pulumi.Input[str]
    priority_class: pulumi.Input[str]
    weights_volumes: Sequence[core.v1.VolumeArgs]
    expert_metrics: ExpertMetrics | None = None

    @property
    def termination_s(self) -> int:
        return PRESTOP_S + self.settings.drain_s + _MARGIN_S

    def template(
        self,
        container: core.v1.ContainerArgs,
        *,
        role: Mapping[str, str],
        init_containers: Sequence[core.v1.ContainerArgs] = (),
        annotations: Mapping[str, str] | None = None,
    ) -> core.v1.PodTemplateSpecArgs:
        """`role` tells pods of one server apart: who answers requests, and who only works."""
        return core.v1.PodTemplateSpecArgs(
            metadata=meta.v1.ObjectMetaArgs(
                labels={**self.labels, **role}, annotations=dict(annotations or {}) or None
            ),
            spec=core.v1.PodSpecArgs(
                service_account_name=self.service_account,
                automount_service_account_token=False,
                enable_service_links=False,
                priority_class_name=self.priority_class,
                node_selector=dict(gpu_nodes.NODE_SELECTOR),
                tolerations=[toleration(each) for each in self.tolerations],
                topology_spread_constraints=[self._over_nodes()],
                termination_grace_period_seconds=self.termination_s,
                security_context=core.v1.PodSecurityContextArgs(
                    # The user that vLLM's image is prepared for (its docs, "docker").
                    run_as_non_root=True,
                    run_as_user=2000,
                    run_as_group=0,
                    fs_group=0,
                    seccomp_profile=core.v1.SeccompProfileArgs(type="RuntimeDefault"),
                ),
                init_containers=list(init_containers) or None,
                containers=[container],
                volumes=[
                    *self.weights_volumes,
                    *self._scratch_volumes(),
                    *(self.expert_metrics.volumes() if self.expert_metrics else ()),
                ],
            ),
        )

    def quantities(self, **more: str) -> core.v1.ResourceRequirementsArgs:
        """Requests and limits alike: a pod that may be evicted for memory loses its GPUs too."""
        quantities = {
            "cpu": str(self.settings.cpu),
            "memory": f"{self.settings.memory_gib}Gi",
            "ephemeral-storage": f"{self.weights.disk_gib + 10}Gi",
            gpu_nodes.GPU_RESOURCE: str(self.settings.gpus_per_pod),
            **more,
        }
        return core.v1.ResourceRequirementsArgs(requests=quantities, limits=quantities)

    def mounts(self) -> list[core.v1.VolumeMountArgs]:
        return [*self.scratch_mounts(), *self.weights.mounts()]

    def scratch_mounts(self) -> list[core.v1.VolumeMountArgs]:
        return [
            core.v1.VolumeMountArgs(name="shm", mount_path="/dev/shm"),
            core.v1.VolumeMountArgs(name="cache", mount_path=CACHE),
            core.v1.VolumeMountArgs(name="tmp", mount_path="/tmp"),
        ]

    def _over_nodes(self) -> core.v1.TopologySpreadConstraintArgs:
        return core.v1.TopologySpreadConstraintArgs(
            max_skew=1,
            topology_key="kubernetes.io/hostname",
            # Two engines on one node are better than one that waits for a node.
            when_unsatisfiable="ScheduleAnyway",
            label_selector=meta.v1.LabelSelectorArgs(match_labels=dict(self.labels)),
        )

    def _scratch_volumes(self) -> list[core.v1.VolumeArgs]:
        return [
            core.v1.VolumeArgs(
                name="shm",
                empty_dir=core.v1.EmptyDirVolumeSourceArgs(
                    medium="Memory", size_limit=f"{self.settings.shm_gib}Gi"
                ),
            ),
            core.v1.VolumeArgs(
                name="cache",
                empty_dir=core.v1.EmptyDirVolumeSourceArgs(size_limit=f"{self.weights.disk_gib}Gi"),
            ),
            core.v1.VolumeArgs(
                name="tmp", empty_dir=core.v1.EmptyDirVolumeSourceArgs(size_limit="8Gi")
            ),
        ]


def locked_down() -> core.v1.SecurityContextArgs:
    """What every container of an engine may do; the namespace enforces `restricted`."""
    return core.v1.SecurityContextArgs(
        allow_privilege_escalation=False,
        read_only_root_filesystem=True,
        capabilities=core.v1.CapabilitiesArgs(drop=["ALL"]),
    )


def sleep_before_stop(seconds: int) -> core.v1.LifecycleArgs:
    return core.v1.LifecycleArgs(
        pre_stop=core.v1.LifecycleHandlerArgs(sleep=core.v1.SleepActionArgs(seconds=seconds))
    )


def from_secret(variable: str, secret: str, key: str) -> core.v1.EnvVarArgs:
    selector = core.v1.SecretKeySelectorArgs(name=secret, key=key)
    return core.v1.EnvVarArgs(
        name=variable, value_from=core.v1.EnvVarSourceArgs(secret_key_ref=selector)
    )


def toleration(wanted: Mapping[str, str]) -> core.v1.TolerationArgs:
    return core.v1.TolerationArgs(
        key=wanted["key"],
        operator=wanted["operator"],
        value=wanted.get("value"),
        effect=wanted["effect"],
    )
