"""The counts as Prometheus reads them, on a port of their own.

Workers are processes apart from vLLM's API server, so its /metrics cannot show what they have.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from expert_metrics.counts import logger
from expert_metrics.layers import WatchedLayer


@dataclass(frozen=True)
class Worker:
    """Whose counts they are. Tensor parallel ranks see the same tokens, so one speaks for all."""

    model_name: str
    pp_rank: int
    dp_rank: int

    @property
    def labels(self) -> tuple[str, str, str]:
        return self.model_name, str(self.pp_rank), str(self.dp_rank)


class Exporter:
    """Copies the counts every `interval_s` in a thread, and shows the latest copy.

    `layers` are those that are counted, of `found` in the model.
    """

    def __init__(
        self,
        worker: Worker,
        layers: Sequence[WatchedLayer],
        found: int,
        read: Callable[[], list[list[int]]],
        interval_s: float,
    ) -> None:
        self._worker = worker
        self._layers = layers
        self._found = found
        self._read = read
        self._interval_s = interval_s
        self._copy: tuple[float, list[list[int]]] = (time.monotonic(), read())

    def start(self, port: int) -> None:
        """Raises OSError where the port is taken."""
        registry = CollectorRegistry()
        registry.register(self)
        start_http_server(port, registry=registry)
        threading.Thread(target=self._keep_copying, name="expert-metrics", daemon=True).start()

    def copy(self) -> None:
        self._copy = (time.monotonic(), self._read())

    def collect(self) -> Iterator[Metric]:
        copied_at, rows = self._copy
        labels = ["model_name", "pp_rank", "dp_rank"]
        tokens = CounterMetricFamily(
            "moe_expert_tokens",
            "Tokens routed to an expert, a token once for each expert that works on it.",
            labels=["model_name", "layer", "expert", "pp_rank", "dp_rank"],
        )
        model_name, *ranks = self._worker.labels
        for watched, row in zip(self._layers, rows, strict=True):
            for expert, count in enumerate(row[: watched.experts]):
                tokens.add_metric([model_name, str(watched.layer), str(expert), *ranks], count)
        yield tokens
        gauges = {
            "moe_expert_metrics_bound_layers": (
                "MoE layers of this worker whose tokens are counted.",
                sum(each.is_bound for each in self._layers),
            ),
            "moe_expert_metrics_layers": (
                "MoE layers of this worker that should be counted.",
                self._found,
            ),
            "moe_expert_metrics_copy_age_seconds": (
                "Time since the counts were last copied from the GPU.",
                time.monotonic() - copied_at,
            ),
        }
        for name, (help_text, value) in gauges.items():
            gauge = GaugeMetricFamily(name, help_text, labels=labels)
            gauge.add_metric(self._worker.labels, value)
            yield gauge

    def _keep_copying(self) -> None:
        try:
            while True:
                time.sleep(self._interval_s)
                self.copy()
        except Exception:
            # The age of the copy tells Prometheus.
            logger.exception("expert metrics: the counts are no longer copied")
