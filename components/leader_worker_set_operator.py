"""The operator of LeaderWorkerSets: groups of pods that start, fail and are scaled together."""

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes import core, helm, meta

from catalog import charts, gpu_nodes
from components.child_options import child_options
from components.helm_release import release
from stacks.settings.charts import ChartSettings

NAMESPACE = "lws-system"


@dataclass(frozen=True, slots=True)
class LeaderWorkerSetOperatorArgs:
    charts: ChartSettings


class LeaderWorkerSetOperator(pulumi.ComponentResource):
    """Outputs: the release, on which every LeaderWorkerSet depends."""

    release: helm.v3.Release

    def __init__(
        self,
        name: str,
        args: LeaderWorkerSetOperatorArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("moe-serving:index:LeaderWorkerSetOperator", name, None, opts)
        child = child_options(self, opts)
        namespace = core.v1.Namespace(
            f"{name}-namespace",
            metadata=meta.v1.ObjectMetaArgs(
                name=NAMESPACE, labels={"pod-security.kubernetes.io/enforce": "baseline"}
            ),
            opts=child,
        )
        self.release = release(
            name,
            charts.LEADER_WORKER_SET,
            version=args.charts.leader_worker_set,
            namespace=namespace.metadata.name,
            values=values(args.charts.image_registry),
            opts=child,
        )
        self.register_outputs({"release": self.release.name})


def values(image_registry: str | None) -> dict[str, Any]:
    """Values of LeaderWorkerSet's chart.

    While no replica answers, no pod of a LeaderWorkerSet can be created: its webhooks fail
    closed. One of the two leads, both answer.
    """
    chosen: dict[str, Any] = {
        "replicaCount": 2,
        # The chart asks for a whole CPU and 1 GiB of each.
        "resources": {
            "requests": {"cpu": "200m", "memory": "256Mi"},
            "limits": {"memory": "1Gi"},
        },
        "affinity": {**gpu_nodes.elsewhere(), "podAntiAffinity": _on_two_nodes()},
    }
    if image_registry is not None:
        chosen["image"] = {"manager": {"repository": f"{image_registry}/lws/lws"}}
    return chosen


def _on_two_nodes() -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": charts.LEADER_WORKER_SET.name}
    term = {"labelSelector": {"matchLabels": labels}, "topologyKey": "kubernetes.io/hostname"}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"preferredDuringSchedulingIgnoredDuringExecution": preferred}
