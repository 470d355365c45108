"""Alerts from vLLM's own metrics.

Names are those of vLLM 0.33 (`vllm/v1/metrics/loggers.py`). `vllm:kv_cache_usage_perc` is a
ratio from 0 to 1 despite its name; its predecessor `vllm:gpu_cache_usage_perc` was removed
in 0.12.
"""

from typing import Annotated

from pydantic import AfterValidator, Field

from catalog.alerts.rule import Alert, RuleGroup
from catalog.section import Section

TTFT_BUCKET_EDGES_S = (0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0)
"""Edges of vLLM's time-to-first-token histogram that make sense as a limit: a
quantile between two edges is interpolated, so a limit there is a guess."""


def _bucket_edge(seconds: float) -> float:
    if seconds not in TTFT_BUCKET_EDGES_S:
        edges = ", ".join(f"{edge:g}" for edge in TTFT_BUCKET_EDGES_S)
        raise ValueError(f"{seconds:g} is not allowed; allowed: a bucket edge of vLLM: {edges}")
    return seconds


class VllmThresholds(Section):
    """When an engine is in trouble."""

    kv_cache_usage_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """KV cache use that warns after five minutes; a ratio, as vLLM exports it."""
    waiting_requests: Annotated[int, Field(ge=1)] = 20
    """Queue of one engine that warns after five minutes."""
    ttft_p99_s: Annotated[float, AfterValidator(_bucket_edge)] = 5.0
    """p99 of the time to first token that warns; an edge of vLLM's histogram."""


def group(thresholds: VllmThresholds) -> RuleGroup:
    kv_cache = thresholds.kv_cache_usage_ratio
    alerts = (
        Alert(
            name="HighKVCacheUsage",
            expression=(
                f"max by (namespace, pod, model_name) (vllm:kv_cache_usage_perc) > {kv_cache:g}"
            ),
            for_="5m",
            severity="warning",
            summary="The KV cache of a model server is nearly full.",
            description=(
                "The KV cache of {{ $labels.namespace }}/{{ $labels.pod }}"
                " ({{ $labels.model_name }}) has been at {{ $value | humanizePercentage }},"
                f" above {kv_cache:.0%}: past it vLLM preempts requests and computes them again."
            ),
        ),
        Alert(
            name="ModelServerQueueBacklog",
            expression=(
                "sum by (namespace, pod, model_name) (vllm:num_requests_waiting)"
                f" > {thresholds.waiting_requests}"
            ),
            for_="5m",
            severity="warning",
            summary="Requests wait for a model server.",
            description=(
                "{{ $value }} requests wait for {{ $labels.namespace }}/{{ $labels.pod }}"
                " ({{ $labels.model_name }})."
            ),
        ),
        Alert(
            name="ModelServerSlowFirstToken",
            expression=(
                "histogram_quantile(0.99, sum by (namespace, model_name, le)"
                " (rate(vllm:time_to_first_token_seconds_bucket[5m])))"
                f" > {thresholds.ttft_p99_s:g}"
            ),
            for_="10m",
            severity="warning",
            summary="The p99 of the time to first token is too high.",
            description=(
                "One in a hundred requests to {{ $labels.model_name }} in"
                " {{ $labels.namespace }} waits {{ $value | humanizeDuration }} or longer"
                " for its first token."
            ),
        ),
        Alert(
            name="ModelServerEngineStalled",
            # /health answers 200 while a collective hangs: only the step counter tells.
            expression=(
                "sum by (namespace, pod, model_name)"
                " (vllm:num_requests_waiting + vllm:num_requests_running) > 0"
                " and sum by (namespace, pod, model_name)"
                " (rate(vllm:iteration_tokens_total_count[5m])) == 0"
            ),
            for_="2m",
            severity="critical",
            summary="A model server has requests and does no work.",
            description=(
                "{{ $labels.namespace }}/{{ $labels.pod }} ({{ $labels.model_name }}) holds"
                " {{ $value }} requests and has finished no engine step for five minutes."
            ),
        ),
    )
    return RuleGroup("vllm.rules", alerts)
