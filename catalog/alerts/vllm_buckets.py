"""Edges of vLLM's histograms that make sense as a limit (0.33, `vllm/v1/metrics/loggers.py`).

A quantile between two edges is interpolated, and a share of requests is known at an edge alone:
a limit elsewhere is a guess.
"""

from typing import Annotated

from pydantic import AfterValidator

_FIRST_TOKEN_S = (0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0)
_INTER_TOKEN_S = (0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0)
_QUEUE_S = (0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0)


def _edge_of(edges: tuple[float, ...]) -> AfterValidator:
    def check(seconds: float) -> float:
        if seconds not in edges:
            allowed = ", ".join(f"{edge:g}" for edge in edges)
            raise ValueError(
                f"{seconds:g} is not allowed; allowed: a bucket edge of vLLM: {allowed}"
            )
        return seconds

    return AfterValidator(check)


FirstTokenEdge = Annotated[float, _edge_of(_FIRST_TOKEN_S)]
InterTokenEdge = Annotated[float, _edge_of(_INTER_TOKEN_S)]
QueueEdge = Annotated[float, _edge_of(_QUEUE_S)]
