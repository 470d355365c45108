"""Alerts from vLLM's own metrics.

Names are those of vLLM 0.33 (`vllm/v1/metrics/loggers.py`). `vllm:kv_cache_usage_perc` is a
ratio from 0 to 1 despite its name; its predecessor `vllm:gpu_cache_usage_perc` was removed
in 0.12. There is no alert on aborted requests: vLLM counts none of those that a client gave up
(`abort_requests` in v1/engine/output_processor.py; vllm#31503), so it could never fire.
"""

from typing import Annotated

from pydantic import Field

from catalog.alerts.rule import Alert, RuleGroup
from catalog.alerts.served import Served
from catalog.alerts.vllm_buckets import FirstTokenEdge, InterTokenEdge, QueueEdge
from catalog.alerts.vllm_scrapes import metrics_missing, not_scraped
from catalog.section import Section

_POD = "namespace, pod, model_name"
_MODEL = "namespace, model_name"

_Share = Annotated[float, Field(gt=0, lt=1)]


class VllmThresholds(Section):
    """When an engine is in trouble."""

    kv_cache_usage_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """KV cache use that warns after five minutes; a ratio, as vLLM exports it."""
    preemptions_per_min: Annotated[float, Field(gt=0)] = 1.0
    """Preemptions a minute in one engine that warn when its KV cache is full as well."""
    waiting_requests: Annotated[int, Field(ge=1)] = 20
    """Queue of one engine that warns after five minutes."""
    queue_time_p99_s: QueueEdge = 2.5
    """p99 of the time in the queue that warns; an edge of vLLM's histogram."""
    ttft_p99_s: FirstTokenEdge = 5.0
    """p99 of the time to first token that warns; an edge of vLLM's histogram."""
    inter_token_p99_s: InterTokenEdge = 0.5
    """p99 of the time between two tokens that warns; an edge of vLLM's histogram."""
    error_ratio: _Share = 0.05
    """Share of requests that may end with an error."""
    rejection_ratio: _Share = 0.05
    """Share of requests that engines may refuse, where they have a limit."""
    min_requests: Annotated[int, Field(ge=1)] = 100
    """Requests in five minutes below which no alert on a p99 or a share fires: the p99 of fewer
    is the slowest one."""


def group(served: Served, thresholds: VllmThresholds) -> RuleGroup:
    alerts = [
        *_kv_cache(thresholds),
        _queue_backlog(thresholds),
        *_latencies(thresholds),
        _engine_stalled(),
        _errors(thresholds),
    ]
    if served.queue_is_limited:
        alerts.append(_rejections(thresholds))
    alerts += [not_scraped(served), metrics_missing(served, alerts)]
    return RuleGroup("vllm.rules", tuple(alerts))


def _kv_cache(thresholds: VllmThresholds) -> tuple[Alert, Alert]:
    full = thresholds.kv_cache_usage_ratio
    return (
        Alert(
            name="HighKVCacheUsage",
            expression=f"max by ({_POD}) (vllm:kv_cache_usage_perc) > {full:g}",
            for_="5m",
            severity="warning",
            summary="The KV cache of a model server is nearly full.",
            description=(
                "The KV cache of {{ $labels.namespace }}/{{ $labels.pod }}"
                " ({{ $labels.model_name }}) has been at {{ $value | humanizePercentage }},"
                f" above {full:.0%}: past it vLLM preempts requests and computes them again."
            ),
        ),
        Alert(
            name="KVCachePreemptions",
            # A preemption frees blocks, so the cache is not full at every scrape.
            expression=(
                f"sum by ({_POD}) (rate(vllm:num_preemptions_total[5m])) * 60"
                f" > {thresholds.preemptions_per_min:g}\n"
                f"and max by ({_POD}) (max_over_time(vllm:kv_cache_usage_perc[5m])) > {full:g}"
            ),
            for_="5m",
            severity="warning",
            summary="A model server computes requests again for lack of KV cache.",
            description=(
                "{{ $labels.namespace }}/{{ $labels.pod }} ({{ $labels.model_name }}) preempts"
                ' {{ $value | printf "%.1f" }} requests a minute: its KV cache is full, and'
                " running answers halt."
            ),
        ),
    )


def _queue_backlog(thresholds: VllmThresholds) -> Alert:
    return Alert(
        name="ModelServerQueueBacklog",
        expression=f"sum by ({_POD}) (vllm:num_requests_waiting) > {thresholds.waiting_requests}",
        for_="5m",
        severity="warning",
        summary="Requests wait for a model server.",
        description=(
            "{{ $value }} requests wait for {{ $labels.namespace }}/{{ $labels.pod }}"
            " ({{ $labels.model_name }})."
        ),
    )


def _latencies(thresholds: VllmThresholds) -> list[Alert]:
    """What users feel: p99s over all engines of a model."""
    served = "{{ $labels.model_name }} in {{ $labels.namespace }}"
    waits = "{{ $value | humanizeDuration }} or longer"
    return [
        Alert(
            name=name,
            expression=(
                f"histogram_quantile(0.99, sum by ({_MODEL}, le) (rate({histogram}_bucket[5m])))"
                f" > {limit_s:g}\n"
                f"and sum by ({_MODEL}) (increase(vllm:time_to_first_token_seconds_count[5m]))"
                f" >= {thresholds.min_requests}"
            ),
            for_="10m",
            severity="warning",
            summary=summary,
            description=description,
        )
        for name, histogram, limit_s, summary, description in (
            (
                "ModelServerSlowQueue",
                "vllm:request_queue_time_seconds",
                thresholds.queue_time_p99_s,
                "The p99 of the time in the queue is too high.",
                f"One in a hundred requests to {served} waits {waits} until an engine begins it.",
            ),
            (
                "ModelServerSlowFirstToken",
                "vllm:time_to_first_token_seconds",
                thresholds.ttft_p99_s,
                "The p99 of the time to first token is too high.",
                f"One in a hundred requests to {served} waits {waits} for its first token.",
            ),
            (
                "ModelServerSlowTokens",
                "vllm:inter_token_latency_seconds",
                thresholds.inter_token_p99_s,
                "The p99 of the time between two tokens is too high.",
                f"One in a hundred tokens of {served} comes {waits} after the one before.",
            ),
        )
    ]


def _engine_stalled() -> Alert:
    """/health answers 200 while a collective hangs: only the step counter tells.

    Of data parallel ranks each has steps of its own. Two minutes, since vLLM ends an engine of
    several processes by itself after 300 s without an answer (VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS).
    """
    rank = f"{_POD}, engine"
    return Alert(
        name="ModelServerEngineStalled",
        expression=(
            f"sum by ({rank}) (vllm:num_requests_waiting + vllm:num_requests_running) > 0\n"
            f"and sum by ({rank}) (rate(vllm:iteration_tokens_total_count[2m])) == 0"
        ),
        for_="2m",
        severity="critical",
        summary="A model server has requests and does no work.",
        description=(
            "{{ $labels.namespace }}/{{ $labels.pod }} ({{ $labels.model_name }}) holds"
            " {{ $value }} requests and has finished no engine step for two minutes or longer."
        ),
    )


def _errors(thresholds: VllmThresholds) -> Alert:
    ended = "vllm:request_success_total"
    return Alert(
        name="ModelServerRequestErrors",
        expression=(
            f'sum by ({_MODEL}) (rate({ended}{{finished_reason="error"}}[5m]))'
            f" / sum by ({_MODEL}) (rate({ended}[5m])) > {thresholds.error_ratio:g}\n"
            f"and sum by ({_MODEL}) (increase({ended}[5m])) >= {thresholds.min_requests}"
        ),
        for_="5m",
        severity="warning",
        summary="Requests to a model server end with an error.",
        description=(
            "{{ $value | humanizePercentage }} of the requests to {{ $labels.model_name }} in"
            " {{ $labels.namespace }} end with an error."
        ),
    )


def _rejections(thresholds: VllmThresholds) -> Alert:
    """What comes past `max_queued_requests` or `max_queued_tokens` gets HTTP 503."""
    rejected = "vllm:admission_rejections_total"
    return Alert(
        name="ModelServerRejectsRequests",
        # The two differ in labels, so `or` keeps the series of both.
        expression=(
            f"sum by ({_MODEL}) (rate({rejected}[5m]))"
            f" / sum by ({_MODEL}) (rate(vllm:request_success_total[5m]) or rate({rejected}[5m]))"
            f" > {thresholds.rejection_ratio:g}\n"
            f"and sum by ({_MODEL})"
            f" (increase(vllm:request_success_total[5m]) or increase({rejected}[5m]))"
            f" >= {thresholds.min_requests}"
        ),
        for_="5m",
        severity="warning",
        summary="A model server refuses requests.",
        description=(
            "{{ $value | humanizePercentage }} of the requests to {{ $labels.model_name }} in"
            " {{ $labels.namespace }} get HTTP 503: its engines have as many as they may."
        ),
    )
