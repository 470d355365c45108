"""The alerts, one module a group; each group's thresholds are beside its rules."""

from catalog.alerts import cluster, efa, experts, gpu, probe, slo, vllm
from catalog.alerts.cluster import ClusterThresholds
from catalog.alerts.efa import EfaThresholds
from catalog.alerts.experts import ExpertsThresholds
from catalog.alerts.gpu import GpuThresholds
from catalog.alerts.rule import Alert, Recording, RuleGroup
from catalog.alerts.served import Served
from catalog.alerts.slo import SloThresholds
from catalog.alerts.vllm import VllmThresholds
from catalog.section import Section

__all__ = ["Alert", "Recording", "RuleGroup", "Served", "Thresholds", "rule_groups"]


class Thresholds(Section):
    """Thresholds of the alerts, by group."""

    vllm: VllmThresholds = VllmThresholds()
    """Alerts from vLLM's metrics."""
    slo: SloThresholds = SloThresholds()
    """Service levels of vLLM engines."""
    cluster: ClusterThresholds = ClusterThresholds()
    """Alerts on nodes and pods."""
    gpu: GpuThresholds = GpuThresholds()
    """Alerts from DCGM's metrics."""
    efa: EfaThresholds = EfaThresholds()
    """Alerts from EFA's counters, where an engine spans nodes."""
    experts: ExpertsThresholds = ExpertsThresholds()
    """Alerts from tokens per expert."""


def rule_groups(served: Served, thresholds: Thresholds) -> list[RuleGroup]:
    """The groups that make sense for what is served."""
    groups = [
        probe.group(served),
        gpu.group(served, thresholds.gpu),
        cluster.group(served, thresholds.cluster),
    ]
    if served.engine_has_metrics:
        groups = [vllm.group(served, thresholds.vllm), slo.group(thresholds.slo), *groups]
    if served.spans_nodes:
        groups.append(efa.group(served, thresholds.efa))
    if served.expert_metrics:
        groups.append(experts.group(served, thresholds.experts))
    return groups
