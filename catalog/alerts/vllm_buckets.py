"""Edges of vLLM's histograms that make sense as a limit.

A quantile between two edges is interpolated, and a share of requests is known at an edge alone:
a limit elsewhere is a guess.
"""

from typing import Annotated

from pydantic import AfterValidator

from catalog.metrics import exported


def _edge_of(histogram: str, least_s: float, most_s: float) -> AfterValidator:
    edges = [edge for edge in exported()[histogram].edges if least_s <= edge <= most_s]

    def check(seconds: float) -> float:
        if seconds not in edges:
            allowed = ", ".join(f"{edge:g}" for edge in edges)
            raise ValueError(
                f"{seconds:g} is not allowed; allowed: a bucket edge of vLLM: {allowed}"
            )
        return seconds

    return AfterValidator(check)


FirstTokenEdge = Annotated[float, _edge_of("vllm:time_to_first_token_seconds", 0.1, 80)]
InterTokenEdge = Annotated[float, _edge_of("vllm:inter_token_latency_seconds", 0.025, 5)]
QueueEdge = Annotated[float, _edge_of("vllm:request_queue_time_seconds", 0.3, 120)]
