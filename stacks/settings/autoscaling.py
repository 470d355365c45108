"""When an engine more is started, and when one is stopped."""

from typing import Annotated

from pydantic import Field

from catalog.section import Section


class Autoscaling(Section):
    """KEDA adds engines from `model_server.replicas` up, and takes them away again.

    An engine that has no GPU free waits for a node, which nothing here adds: what scaling can
    do is in docs/how-to/bursts.md.
    """

    max_replicas: Annotated[int, Field(ge=2, le=64)]
    """Most engines."""
    waiting_requests: Annotated[int, Field(ge=1)] = 5
    """Requests that wait, for each engine, from which one more is started."""
    kv_cache_usage_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.8
    """Mean use of the engines' KV caches, 0 to 1, from which one more is started."""
    polling_interval_s: Annotated[int, Field(ge=5, le=300)] = 15
    """Seconds between two looks at Prometheus; its scrapes are 15 s apart."""
    scale_up_window_s: Annotated[int, Field(ge=0, le=600)] = 30
    """A burst must last as long before an engine is started for it."""
    scale_down_window_s: Annotated[int, Field(ge=300, le=3600)] = 1800
    """Load must be low as long before an engine is stopped: a start takes many minutes."""
