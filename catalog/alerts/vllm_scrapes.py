"""Alerts on the metrics themselves: without them every other alert on an engine is silent."""

import re
from collections.abc import Iterable

from catalog.alerts.rule import Alert
from catalog.alerts.served import Served


def not_scraped(served: Served) -> Alert:
    """No target, or one that does not answer; an engine that starts is no target's fault."""
    ready = f'kube_pod_status_ready{{{served.answering_pods},condition="true"}}'
    return Alert(
        name="ModelServerNotScraped",
        expression=(
            f"max by (namespace, pod) ({ready}) == 1\n"
            f"unless on (namespace, pod) (up{{{served.scrape}}} == 1)"
        ),
        for_="5m",
        severity="warning",
        summary="Prometheus has no metrics of a model server that is ready.",
        description=(
            "{{ $labels.namespace }}/{{ $labels.pod }} answers its probe, and Prometheus does not"
            " scrape it or gets no answer: its other alerts cannot fire."
        ),
    )


def metrics_missing(served: Served, alerts: Iterable[Alert]) -> Alert:
    """Whatever `alerts` read and an engine that is scraped does not export: the next rename.

    vLLM exports all of it from its start, counters at 0 (`vllm/v1/metrics/loggers.py`).
    """
    read = {name for alert in alerts for name in re.findall(r"vllm:\w+", alert.expression)}
    scraped = f"max by (namespace, pod) (up{{{served.scrape}}} == 1)"
    return Alert(
        name="ModelServerMetricsMissing",
        expression="\nor ".join(
            f"label_replace({scraped} unless on (namespace, pod) {name},"
            f' "metric", "{name}", "", "")'
            for name in sorted(read)
        ),
        for_="10m",
        severity="warning",
        summary="A model server does not export a metric that alerts read.",
        description=(
            "{{ $labels.namespace }}/{{ $labels.pod }} is scraped and has no"
            " {{ $labels.metric }}: alerts that read it cannot fire."
        ),
    )
