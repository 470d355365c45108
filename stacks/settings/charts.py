"""Versions of the third-party charts, and where their images come from."""

from typing import Annotated

from pydantic import StringConstraints

from catalog.section import Section

ChartVersion = Annotated[str, StringConstraints(pattern=r"^v?\d+\.\d+\.\d+$")]


class ChartSettings(Section):
    """Versions of the third-party charts; a release moves them from stack to stack."""

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
    image_registry: (
        Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)*$")] | None
    ) = None
    """Registry, with a path if wanted, that holds copies of the charts' images; none: the
    vendors' own registries."""
