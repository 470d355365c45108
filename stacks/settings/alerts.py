"""Thresholds of the alerts."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from catalog.alert_rules import TTFT_BUCKET_EDGES_S
from stacks.settings.section import Section


def _bucket_edge(seconds: float) -> float:
    if seconds not in TTFT_BUCKET_EDGES_S:
        edges = ", ".join(f"{edge:g}" for edge in TTFT_BUCKET_EDGES_S)
        raise ValueError(f"{seconds:g} is not allowed; allowed: a bucket edge of vLLM: {edges}")
    return seconds


class AlertSettings(Section):
    """Thresholds of the alerts, and where their runbooks are."""

    runbook_base_url: Annotated[str, StringConstraints(pattern=r"^https://\S+[^/]$")]
    """Each alert's runbook_url is this, a slash and the alert's name in lower case."""
    kv_cache_usage_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """KV cache use that warns after five minutes; a ratio, as vLLM exports it."""
    waiting_requests: Annotated[int, Field(ge=1)] = 20
    """Queue of one engine that warns after five minutes."""
    ttft_p99_s: Annotated[float, AfterValidator(_bucket_edge)] = 5.0
    """p99 of the time to first token that warns; an edge of vLLM's histogram."""
