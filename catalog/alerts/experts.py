"""Rules over tokens per expert, as the plugin `expert_metrics/` exports them.

Counts are summed over pods and data parallel ranks: what is asked is what the traffic does to
the model's experts. Recorded series carry no pod, so their number is layers x experts
whatever the number of engines (256 for Mixtral 8x7B, 640 for DBRX).
"""

from typing import Annotated

from pydantic import Field

from catalog.alerts.rule import Alert, Recording, RuleGroup
from catalog.alerts.served import Served
from catalog.section import Section

_EXPERT = "namespace, model_name, layer, expert"
_LAYER = "namespace, model_name, layer"

TOKENS = "namespace_model_layer_expert:moe_expert_tokens:rate10m"
SHARE = "namespace_model_layer_expert:moe_expert_share:ratio"
LAYER_TOKENS = "namespace_model_layer:moe_expert_tokens:rate10m"
BALANCEDNESS = "namespace_model_layer:moe_balancedness:ratio"
EFFECTIVE_EXPERTS = "namespace_model_layer:moe_effective_experts:count"


class ExpertsThresholds(Section):
    """When a model's experts are used too unevenly; with `engine.expert_metrics`."""

    hot_share_of_even: Annotated[float, Field(gt=1)] = 2.5
    """Share of a layer's tokens, in multiples of an even share, from which an expert is hot."""
    dead_share_of_even: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of a layer's tokens, in multiples of an even share, below which an expert is dead."""
    least_tokens_per_s: Annotated[float, Field(gt=0)] = 100.0
    """Routed tokens of a layer a second below which nobody is called hot or dead: a few
    sequences of one kind use few experts, and that is no trouble."""


def recordings() -> tuple[Recording, ...]:
    """Rate, share, balancedness and effective experts; each a series a layer, or an expert.

    Balancedness is mean over maximum, as vLLM's EPLB logs it (`eplb_state.py`), there of ranks
    and here of experts. Effective experts are 1 / sum of squared shares: how many experts used
    evenly would be as concentrated. Unlike exp(entropy) it needs no logarithm of a share of 0.
    """
    return (
        Recording(TOKENS, f"sum by ({_EXPERT}) (rate(moe_expert_tokens_total[10m]))"),
        Recording(LAYER_TOKENS, f"sum by ({_LAYER}) ({TOKENS})"),
        Recording(SHARE, f"{TOKENS} / on ({_LAYER}) group_left () ({LAYER_TOKENS} > 0)"),
        Recording(
            BALANCEDNESS, f"avg by ({_LAYER}) ({TOKENS}) / (max by ({_LAYER}) ({TOKENS}) > 0)"
        ),
        Recording(EFFECTIVE_EXPERTS, f"1 / sum by ({_LAYER}) ({SHARE} ^ 2)"),
    )


def group(served: Served, thresholds: ExpertsThresholds) -> RuleGroup:
    return RuleGroup("experts.rules", (*recordings(), *_use(served, thresholds), *_plugin(served)))


def _use(served: Served, thresholds: ExpertsThresholds) -> tuple[Alert, ...]:
    of_even = f"{SHARE} * {served.experts}"
    busy = f"and on ({_LAYER}) {LAYER_TOKENS} >= {thresholds.least_tokens_per_s:g}"
    whose = (
        "Expert {{ $labels.expert }} in layer {{ $labels.layer }} of {{ $labels.model_name }}"
        " in {{ $labels.namespace }}"
    )
    return (
        Alert(
            name="ExpertHot",
            expression=f"{of_even} > {thresholds.hot_share_of_even:g} {busy}",
            for_="15m",
            severity="warning",
            summary="An expert gets far more than its share of tokens.",
            description=(
                whose + ' gets {{ $value | printf "%.1f" }} times an even share of the tokens.'
            ),
        ),
        Alert(
            name="ExpertDead",
            expression=f"{of_even} < {thresholds.dead_share_of_even:g} {busy}",
            for_="1h",
            severity="info",
            summary="An expert gets hardly any tokens.",
            description=(
                whose + ' gets {{ $value | printf "%.2f" }} times an even share of the tokens.'
            ),
        ),
    )


def _plugin(served: Served) -> tuple[Alert, ...]:
    """`up` of every pod tells of a plugin that never started; a worker has no other metrics."""
    pod = "namespace, pod"
    target = f'job="{served.expert_metrics_job}"'
    created = f'kube_pod_created{{namespace="{served.namespace}"}}'
    return (
        Alert(
            name="ExpertMetricsUnbound",
            expression=(
                f"sum by ({pod}) (moe_expert_metrics_layers) == 0"
                f" or sum by ({pod}) (moe_expert_metrics_layers - moe_expert_metrics_bound_layers)"
                " > 0"
            ),
            for_="10m",
            severity="warning",
            summary="Tokens of some or all MoE layers are not counted.",
            description=(
                "The plugin in {{ $labels.namespace }}/{{ $labels.pod }} found no MoE layer, or"
                " does not count all that it found ({{ $value }} layers): no hot or dead expert"
                " shows there."
            ),
        ),
        Alert(
            name="ExpertMetricsStale",
            expression=f"max by ({pod}) (moe_expert_metrics_copy_age_seconds) > 120",
            for_="5m",
            severity="warning",
            summary="Tokens per expert are no longer copied from the GPU.",
            description=(
                "{{ $labels.namespace }}/{{ $labels.pod }} shows counts that are"
                " {{ $value | humanizeDuration }} old."
            ),
        ),
        Alert(
            name="ExpertMetricsAbsent",
            expression=(
                f"(min by ({pod}) (up{{{target}}}) == 0"
                f" and on ({pod}) time() - max by ({pod}) ({created}) > {served.startup_s})"
                f" or (count by ({pod}) (vllm:kv_cache_usage_perc"
                f'{{namespace="{served.namespace}"}}) unless on ({pod}) up{{{target}}})'
            ),
            for_="10m",
            severity="warning",
            summary="An engine exports no tokens per expert.",
            description=(
                "{{ $labels.namespace }}/{{ $labels.pod }} has had its time to start and exports"
                " no tokens per expert: the plugin is off, or Prometheus does not ask."
            ),
        ),
    )
