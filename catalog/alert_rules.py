"""The alerts, as the groups of a PrometheusRule.

Metric names are those of vLLM 0.33 (`vllm/v1/metrics/loggers.py`), the DCGM
list beside this file, and kube-state-metrics. `vllm:kv_cache_usage_perc` is a
ratio from 0 to 1 despite its name; its predecessor `vllm:gpu_cache_usage_perc`
was removed in 0.12.
"""

from dataclasses import dataclass
from typing import Any, Literal

RULE_NAME = "vllm-kv-cache-usage"

TTFT_BUCKET_EDGES_S = (0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0)
"""Edges of vLLM's time-to-first-token histogram that make sense as a limit: a
quantile between two edges is interpolated, so a limit there is a guess."""


@dataclass(frozen=True, slots=True)
class AlertThresholds:
    """`kv_cache_usage_ratio` is a ratio; `ttft_p99_s` lies on a bucket edge of vLLM.

    `startup_s` is how long an engine may take from its pod's creation to its first answer.
    """

    kv_cache_usage_ratio: float
    waiting_requests: int
    ttft_p99_s: float
    gpus_per_node: int
    startup_s: int
    namespace: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One alerting rule; `summary` is constant, `description` names the instance."""

    name: str
    expression: str
    for_: str
    severity: Literal["critical", "warning", "info"]
    summary: str
    description: str

    def rule(self, runbook_base_url: str) -> dict[str, Any]:
        """The rule in Prometheus' own shape."""
        return {
            "alert": self.name,
            "expr": self.expression,
            "for": self.for_,
            "labels": {"severity": self.severity},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{runbook_base_url}/{self.name.lower()}",
            },
        }


def vllm_alerts(thresholds: AlertThresholds) -> list[Alert]:
    kv_cache = thresholds.kv_cache_usage_ratio
    return [
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
    ]


def probe_alerts(thresholds: AlertThresholds) -> list[Alert]:
    """From the kubelet's own probes, so for engines without metrics too."""
    ready = f'kube_pod_status_ready{{namespace="{thresholds.namespace}",condition="true"}}'
    created = f'kube_pod_created{{namespace="{thresholds.namespace}"}}'
    return [
        Alert(
            name="ModelServerNotReady",
            expression=(
                f"max by (namespace, pod) ({ready}) == 0 and on (namespace, pod)"
                f" (max by (namespace, pod) (max_over_time({ready}[1h])) == 1"
                f" or time() - max by (namespace, pod) ({created}) > {thresholds.startup_s})"
            ),
            for_="2m",
            severity="critical",
            summary="A model server does not answer its probe.",
            description=(
                "{{ $labels.namespace }}/{{ $labels.pod }} was ready before, or had"
                f" {thresholds.startup_s / 60:.0f} minutes to become it, and is not ready:"
                " it gets no requests."
            ),
        ),
    ]


def gpu_alerts(thresholds: AlertThresholds) -> list[Alert]:
    gpus = thresholds.gpus_per_node
    return [
        Alert(
            name="GPULost",
            # A lost GPU leaves no series behind that could show it: count what is left.
            expression=(
                'max by (node) (kube_node_status_allocatable{resource="nvidia_com_gpu"})'
                f" < {gpus}"
                " or label_replace(count by (Hostname) (DCGM_FI_DEV_GPU_TEMP),"
                f' "node", "$1", "Hostname", "(.+)") < {gpus}'
            ),
            for_="5m",
            severity="critical",
            summary="A node has fewer GPUs than its instance type.",
            description=f"Node {{{{ $labels.node }}}} shows {{{{ $value }}}} of {gpus} GPUs.",
        ),
    ]


def rule_groups(
    thresholds: AlertThresholds, runbook_base_url: str, *, engine_has_metrics: bool = True
) -> list[dict[str, Any]]:
    """`spec.groups` of the PrometheusRule."""
    groups = {
        "vllm.rules": vllm_alerts(thresholds) if engine_has_metrics else [],
        "probe.rules": probe_alerts(thresholds),
        "gpu.rules": gpu_alerts(thresholds),
    }
    return [
        {"name": name, "rules": [alert.rule(runbook_base_url) for alert in alerts]}
        for name, alerts in groups.items()
        if alerts
    ]
