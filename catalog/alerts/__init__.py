"""The alerts, one module a group; each group's thresholds are beside its rules."""

from catalog.alerts import experts, gpu, probe, vllm
from catalog.alerts.experts import ExpertsThresholds
from catalog.alerts.rule import Alert, Recording, RuleGroup
from catalog.alerts.served import Served
from catalog.alerts.vllm import VllmThresholds
from catalog.section import Section

__all__ = ["Alert", "Recording", "RuleGroup", "Served", "Thresholds", "rule_groups"]


class Thresholds(Section):
    """Thresholds of the alerts, by group."""

    vllm: VllmThresholds = VllmThresholds()
    """Alerts from vLLM's metrics."""
    experts: ExpertsThresholds = ExpertsThresholds()
    """Alerts from tokens per expert."""


def rule_groups(served: Served, thresholds: Thresholds) -> list[RuleGroup]:
    """The groups that make sense for what is served."""
    groups = [probe.group(served), gpu.group(served)]
    if served.engine_has_metrics:
        groups.insert(0, vllm.group(thresholds.vllm))
    if served.expert_metrics:
        groups.append(experts.group(served, thresholds.experts))
    return groups
