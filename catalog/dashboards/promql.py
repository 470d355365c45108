"""Expressions that more than one dashboard reads."""

from catalog.dashboards.board import Query, Variable

ENGINES = 'namespace=~"$namespace",model_name=~"$model"'
"""Selector of vLLM's series by the variables of `ENGINE_VARIABLES`."""

ENGINE_VARIABLES = (
    Variable("namespace", "namespace", "vllm:num_requests_running"),
    Variable("model", "model_name", 'vllm:num_requests_running{namespace=~"$namespace"}'),
)


def rate(counter: str, *matchers: str) -> str:
    """Per second, over the least time that has enough samples at the zoom of the dashboard."""
    return f"rate({counter}{{{','.join((ENGINES, *matchers))}}}[$__rate_interval])"


def quantile(share: float, histogram: str) -> str:
    """By model, of one of vLLM's histograms; `histogram` without `vllm:`."""
    buckets = rate(f"vllm:{histogram}_bucket")
    return f"histogram_quantile({share:g}, sum by (model_name, le) ({buckets}))"


def quantiles(histogram: str) -> tuple[Query, ...]:
    """p99, p90 and p50, by model."""
    return tuple(
        Query(quantile(share, histogram), f"{name} {{{{model_name}}}}")
        for name, share in (("p99", 0.99), ("p90", 0.9), ("p50", 0.5))
    )
