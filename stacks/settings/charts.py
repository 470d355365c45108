"""The third-party charts: versions, images, and whether Grafana is among them."""

from typing import Annotated

from pydantic import StringConstraints

from catalog.section import Section
from stacks.settings.section import SecretName

ChartVersion = Annotated[str, StringConstraints(pattern=r"^v?\d+\.\d+\.\d+$")]


class ChartSettings(Section):
    """The third-party charts; a release moves their versions from stack to stack."""

    gpu_operator: ChartVersion
    """NVIDIA GPU Operator."""
    aws_efa_k8s_device_plugin: ChartVersion
    """Device plugin that offers vpc.amazonaws.com/efa."""
    kube_prometheus_stack: ChartVersion
    """Prometheus Operator, Prometheus and kube-state-metrics."""
    leader_worker_set: ChartVersion = "0.9.0"
    """LeaderWorkerSet, which starts and restarts the pods of an engine across nodes together."""
    keda: ChartVersion = "2.21.0"
    """KEDA, which scales engines by their metrics."""
    grafana_admin_secret: SecretName | None = None
    """Name of a Secret in namespace monitoring with keys `admin-user` and `admin-password`: brings
    Grafana with the dashboards. None: no Grafana; the dashboards are there for your own."""
    image_registry: (
        Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)*$")] | None
    ) = None
    """Registry, with a path if wanted, that holds copies of the charts' images; none: the
    vendors' own registries."""
