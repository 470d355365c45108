"""A scene: a cluster that serves a model, in health or in one kind of trouble.

It is a pure function of the seconds since it began. Counters begin at 0 with it and grow at
true rates; who plays scenes one after the other adds what the ones before have counted
(`player`). Traffic swells and ebbs by a tenth every twenty minutes, so that pictures are not
straight lines; no threshold lies in between.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from sandbox.monitoring import targets
from sandbox.monitoring.cluster_series import (
    gpu_operator_samples,
    kube_samples,
    node_status_samples,
)
from sandbox.monitoring.efa_series import efa_samples
from sandbox.monitoring.expert_series import expert_samples
from sandbox.monitoring.fleet import EXAMPLE, Fleet
from sandbox.monitoring.gpu_series import Gpus, dcgm_samples
from sandbox.monitoring.series import Sample, Scrape
from sandbox.monitoring.vllm_series import CALM, Load, engine_samples

_SWELL = 0.1
_SWELL_S = 1200.0
_EXPERTS_PER_TOKEN = 2
_EFA_BYTES_PER_TOKEN = 8192
"""What a stage of Mixtral 8x7B hands on for one token: its hidden size, in two bytes each."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is played, and the alerts that it must bring: these and no others.

    Of `alerts` those that are deployed: a server on one node has none about EFA. `load` is that of
    every engine, `first_load` of the first one where it differs. `gpus` are those of the first node
    where they differ. `hot_share` is the first expert's share of the tokens, `dead_expert`
    whether the last one gets none; without them all get about the same. After `lasts_s` seconds
    all of its alerts fire.
    """

    name: str
    summary: str
    alerts: frozenset[str] = frozenset()
    load: Load = CALM
    first_load: Load | None = None
    first_engine_up: bool = True
    gpus: Gpus | None = None
    uses_efa: bool = True
    hot_share: float | None = None
    dead_expert: bool = False
    lasts_s: float = 2400

    def samples(self, elapsed_s: float, fleet: Fleet = EXAMPLE) -> list[Sample]:
        """Every series as Prometheus keeps it, `up` and the labels of targets with it."""
        return [sample for scrape in self.scrapes(elapsed_s, fleet) for sample in scrape.stored()]

    def scrapes(self, elapsed_s: float, fleet: Fleet = EXAMPLE) -> list[Scrape]:
        """What each target answers `elapsed_s` seconds after the scene began."""
        return [
            *self._engines(elapsed_s, fleet),
            *self._nodes(elapsed_s, fleet),
            Scrape(
                targets.kube_state_metrics(),
                partial(
                    kube_samples,
                    fleet,
                    {node: self._gpus_of(node, fleet).left for node in fleet.nodes},
                    {engine.pod for engine in fleet.engines[: 0 if self.first_engine_up else 1]},
                ),
            ),
            Scrape(targets.gpu_operator(), partial(gpu_operator_samples, len(fleet.nodes))),
        ]

    def _engines(self, elapsed_s: float, fleet: Fleet) -> Iterator[Scrape]:
        level, active_s = _swell(elapsed_s)
        shares = self._shares(fleet.experts)
        for place, engine in enumerate(fleet.engines):
            load = self._load_of(place)
            up = self.first_engine_up or place > 0
            answer = partial(engine_samples, fleet.server, load, active_s, level)
            yield Scrape(targets.engine(engine, fleet), answer, up)
            if fleet.experts > 1:
                routed = load.tokens_per_s * active_s * _EXPERTS_PER_TOKEN
                answer = partial(expert_samples, fleet.server, fleet.layers, shares, routed)
                yield Scrape(targets.expert_metrics(engine, fleet), answer, up)

    def _nodes(self, elapsed_s: float, fleet: Fleet) -> Iterator[Scrape]:
        _, active_s = _swell(elapsed_s)
        pods = {engine.node: engine.pod for engine in fleet.engines}
        tokens_per_s = max(self._load_of(0).tokens_per_s, self.load.tokens_per_s)
        sent_bytes = tokens_per_s * active_s * _EFA_BYTES_PER_TOKEN if self.uses_efa else 0.0
        for node in fleet.nodes:
            gpus = self._gpus_of(node, fleet)
            pod = pods.get(node, "")
            answer = partial(dcgm_samples, node, gpus, pod, fleet.namespace, elapsed_s)
            yield Scrape(targets.dcgm(node), answer)
            yield Scrape(targets.node_status(node), partial(node_status_samples, node, gpus.left))
            if fleet.efa_interfaces:
                yield Scrape(
                    targets.efa(node), partial(efa_samples, fleet.efa_interfaces, sent_bytes)
                )

    def _load_of(self, place: int) -> Load:
        return self.first_load if place == 0 and self.first_load else self.load

    def _gpus_of(self, node: str, fleet: Fleet) -> Gpus:
        return self.gpus if self.gpus and node == fleet.nodes[0] else Gpus(fleet.gpus_per_node)

    def _shares(self, experts: int) -> tuple[float, ...]:
        shares = [1.0] * experts
        if self.hot_share is not None:
            shares[0] = self.hot_share * (experts - 1) / (1 - self.hot_share)
        if self.dead_expert:
            shares[-1] = 0.0
        return tuple(share / sum(shares) for share in shares)


def _swell(elapsed_s: float) -> tuple[float, float]:
    """How strong traffic is now, about 1, and the integral of that in seconds."""
    phase = 2 * math.pi * elapsed_s / _SWELL_S
    level = 1 + _SWELL * math.sin(phase)
    return level, elapsed_s + _SWELL * _SWELL_S / (2 * math.pi) * (1 - math.cos(phase))
