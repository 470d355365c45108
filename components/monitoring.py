"""Prometheus and its operator, and the list of what DCGM collects from the GPUs."""

from dataclasses import dataclass
from importlib import resources
from typing import Any

import pulumi
from pulumi_kubernetes import core, helm, meta

from catalog import charts
from components.child_options import child_options
from components.helm_release import release
from stacks.settings.charts import ChartSettings

RELEASE_LABEL = {"release": charts.KUBE_PROMETHEUS_STACK.name}
"""Prometheus selects the monitors and rules that carry this label, in every namespace."""

_SELECTED = ("rule", "serviceMonitor", "podMonitor", "probe", "scrapeConfig")

NAMESPACE = "monitoring"
DASHBOARD_LABEL, DASHBOARD_LABEL_VALUE = "grafana_dashboard", "1"
"""Grafana's sidecar loads the ConfigMaps that carry this label."""
FOLDER_ANNOTATION = "grafana_folder"
PROMETHEUS_URL = f"http://{charts.KUBE_PROMETHEUS_STACK.name}-prometheus.{NAMESPACE}.svc:9090"


@dataclass(frozen=True, slots=True)
class MonitoringArgs:
    charts: ChartSettings


class Monitoring(pulumi.ComponentResource):
    """Outputs: the release, on which every ServiceMonitor and PrometheusRule depends."""

    release: helm.v3.Release

    def __init__(
        self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("moe-serving:index:Monitoring", name, None, opts)
        child = child_options(self, opts)
        namespace = core.v1.Namespace(
            f"{name}-namespace",
            metadata=meta.v1.ObjectMetaArgs(
                name=NAMESPACE,
                labels={
                    # node-exporter reads the host.
                    "pod-security.kubernetes.io/enforce": "privileged",
                },
            ),
            opts=child,
        )
        self.release = release(
            name,
            charts.KUBE_PROMETHEUS_STACK,
            version=args.charts.kube_prometheus_stack,
            namespace=namespace.metadata.name,
            values=values(args.charts),
            opts=child,
        )
        self.register_outputs({"release": self.release.name})


def values(settings: ChartSettings) -> dict[str, Any]:
    """Values of kube-prometheus-stack.

    EKS runs etcd, the scheduler and the controller manager out of reach, so
    their scrape jobs would alert for ever.
    """
    registry = settings.image_registry
    return {
        **({"global": {"imageRegistry": registry}} if registry else {}),
        "commonLabels": dict(RELEASE_LABEL),
        "grafana": _grafana(settings.grafana_admin_secret),
        "kubeControllerManager": {"enabled": False},
        "kubeEtcd": {"enabled": False},
        "kubeScheduler": {"enabled": False},
        # By default it leaves a node with a NoExecute taint unobserved.
        "prometheus-node-exporter": {"tolerations": [{"operator": "Exists"}]},
        "prometheus": {
            "prometheusSpec": {
                "retention": "15d",
                # What the chart selects by itself has differed between its versions.
                **{f"{kind}Selector": {"matchLabels": dict(RELEASE_LABEL)} for kind in _SELECTED},
            }
        },
    }


def _grafana(admin_secret: str | None) -> dict[str, Any]:
    """Off without a Secret of the team's: no password is in a chart's values.

    Its sidecars read what is in their own namespace alone; by the chart's default they may read
    every Secret of the cluster.
    """
    if admin_secret is None:
        return {"enabled": False}
    return {
        "enabled": True,
        "admin": {
            "existingSecret": admin_secret,
            "userKey": "admin-user",
            "passwordKey": "admin-password",
        },
        "grafana.ini": {
            "auth.anonymous": {"enabled": False},
            "users": {"allow_sign_up": False},
            "analytics": {"reporting_enabled": False, "check_for_updates": False},
        },
        "rbac": {"namespaced": True},
        "sidecar": {
            "dashboards": {
                "enabled": True,
                "label": DASHBOARD_LABEL,
                "labelValue": DASHBOARD_LABEL_VALUE,
                "searchNamespace": NAMESPACE,
                "resource": "configmap",
                "folderAnnotation": FOLDER_ANNOTATION,
                "provider": {"foldersFromFilesStructure": True},
            },
            "datasources": {"enabled": True, "searchNamespace": NAMESPACE},
        },
    }


def dcgm_collectors() -> str:
    """The CSV that dcgm-exporter reads."""
    return (resources.files("catalog") / "dcgm_metrics.csv").read_text()
