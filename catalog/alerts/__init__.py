"""The alerts, one module a group; each group's thresholds are beside its rules."""

from catalog.alerts import efa, gpu, probe, vllm
from catalog.alerts.efa import EfaThresholds
from catalog.alerts.gpu import GpuThresholds
from catalog.alerts.rule import Alert, Recording, RuleGroup
from catalog.alerts.served import Served
from catalog.alerts.vllm import VllmThresholds
from catalog.section import Section

__all__ = ["Alert", "Recording", "RuleGroup", "Served", "Thresholds", "rule_groups"]


class Thresholds(Section):
    """Thresholds of the alerts, by group."""

    vllm: VllmThresholds = VllmThresholds()
    """Alerts from vLLM's metrics."""
    gpu: GpuThresholds = GpuThresholds()
    """Alerts from DCGM's metrics."""
    efa: EfaThresholds = EfaThresholds()
    """Alerts from EFA's counters, where an engine spans nodes."""


def rule_groups(served: Served, thresholds: Thresholds) -> list[RuleGroup]:
    """The groups that make sense for what is served."""
    groups = [probe.group(served), gpu.group(served, thresholds.gpu)]
    if served.engine_has_metrics:
        groups.insert(0, vllm.group(thresholds.vllm))
    if served.spans_nodes:
        groups.append(efa.group(served, thresholds.efa))
    return groups
