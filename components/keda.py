"""KEDA: what makes metrics of Prometheus something that a HorizontalPodAutoscaler can use."""

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes import core, helm, meta

from catalog import charts, gpu_nodes
from components.child_options import child_options
from components.helm_release import release
from stacks.settings.charts import ChartSettings

NAMESPACE = "keda"


@dataclass(frozen=True, slots=True)
class KedaArgs:
    charts: ChartSettings


class Keda(pulumi.ComponentResource):
    """Outputs: the release, on which every ScaledObject depends."""

    release: helm.v3.Release

    def __init__(
        self, name: str, args: KedaArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("moe-serving:index:Keda", name, None, opts)
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
            charts.KEDA,
            version=args.charts.keda,
            namespace=namespace.metadata.name,
            values=values(args.charts.image_registry),
            opts=child,
        )
        self.register_outputs({"release": self.release.name})


def values(image_registry: str | None) -> dict[str, Any]:
    """Values of KEDA's chart: of operator and metrics API one replica may be away.

    The admission webhooks fail open, so one of them is enough.
    """
    chosen: dict[str, Any] = {
        "operator": {"replicaCount": 2},
        "metricsServer": {"replicaCount": 2},
        "podDisruptionBudget": {
            "operator": {"minAvailable": 1},
            "metricServer": {"minAvailable": 1},
        },
        "affinity": gpu_nodes.elsewhere(),
    }
    if image_registry is not None:
        chosen["global"] = {"image": {"registry": image_registry}}
    return chosen
