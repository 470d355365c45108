"""The scenes: a cluster that serves a model, in health and in each kind of trouble.

A scene is a pure function of the seconds since it began. Counters begin at 0 with it and grow
at true rates; who plays scenes one after the other adds what the ones before have counted
(`player`). Traffic swells and ebbs by a tenth every twenty minutes, so that pictures are not
straight lines; no threshold lies in between.
"""

import math
from dataclasses import dataclass, replace
from functools import partial

from components.monitoring import NAMESPACE as MONITORING
from sandbox.monitoring.cluster_series import gpu_operator_samples, kube_samples
from sandbox.monitoring.expert_series import expert_samples
from sandbox.monitoring.fleet import EXAMPLE, Engine, Fleet
from sandbox.monitoring.gpu_series import Gpus, dcgm_samples
from sandbox.monitoring.series import Sample, Scrape, Spread, Target
from sandbox.monitoring.vllm_series import CALM, Load, engine_samples

_SWELL = 0.1
_SWELL_S = 1200.0
_EXPERTS_PER_TOKEN = 2


@dataclass(frozen=True, slots=True)
class Scene:
    """What is played, and the alerts that it must bring: these and no others.

    `load` is that of every engine, `first_load` of the first one where it differs. `gpus` are
    those of the first node where they differ. `hot_share` is the first expert's share of the
    tokens, `dead_expert` whether the last one gets none; without them all get the same.
    """

    name: str
    summary: str
    alerts: frozenset[str] = frozenset()
    load: Load = CALM
    first_load: Load | None = None
    first_engine_up: bool = True
    gpus: Gpus | None = None
    hot_share: float | None = None
    dead_expert: bool = False

    def samples(self, elapsed_s: float, fleet: Fleet = EXAMPLE) -> list[Sample]:
        """Every series as Prometheus keeps it, `up` and the labels of targets with it."""
        return [sample for scrape in self.scrapes(elapsed_s, fleet) for sample in scrape.stored()]

    def scrapes(self, elapsed_s: float, fleet: Fleet = EXAMPLE) -> list[Scrape]:
        """What each target answers `elapsed_s` seconds after the scene began."""
        return [
            *self._engines(elapsed_s, fleet),
            *self._gpus(fleet),
            Scrape(
                _target("kube-state-metrics", MONITORING, honor_labels=True),
                partial(
                    kube_samples,
                    fleet,
                    {node: self._gpus_of(node, fleet).left for node in fleet.nodes},
                    {engine.pod for engine in fleet.engines[: 0 if self.first_engine_up else 1]},
                ),
            ),
            Scrape(_target("gpu-operator", "gpu-operator"), gpu_operator_samples),
        ]

    def _engines(self, elapsed_s: float, fleet: Fleet) -> list[Scrape]:
        phase = 2 * math.pi * elapsed_s / _SWELL_S
        level = 1 + _SWELL * math.sin(phase)
        # The integral of `level`, so that rates follow it.
        active_s = elapsed_s + _SWELL * _SWELL_S / (2 * math.pi) * (1 - math.cos(phase))
        scrapes = []
        for engine in fleet.engines:
            is_first = engine is fleet.engines[0]
            load = self.first_load if is_first and self.first_load else self.load
            up = self.first_engine_up or not is_first
            scrapes.append(
                Scrape(
                    _engine_target(engine, fleet, "http", 8000),
                    partial(engine_samples, fleet.server, load, active_s, level),
                    up,
                )
            )
            if fleet.experts > 1:
                tokens = load.requests_per_s * load.generated_tokens.mean * active_s
                scrapes.append(
                    Scrape(
                        _engine_target(engine, fleet, "moe-metrics", 9100),
                        partial(
                            expert_samples,
                            fleet.server,
                            fleet.layers,
                            self._shares(fleet.experts),
                            tokens * _EXPERTS_PER_TOKEN,
                        ),
                        up,
                    )
                )
        return scrapes

    def _shares(self, experts: int) -> tuple[float, ...]:
        shares = [1.0] * experts
        if self.hot_share is not None:
            shares[0] = self.hot_share * (experts - 1) / (1 - self.hot_share)
        if self.dead_expert:
            shares[-1] = 0.0
        return tuple(share / sum(shares) for share in shares)

    def _gpus(self, fleet: Fleet) -> list[Scrape]:
        pods = {engine.node: engine.pod for engine in fleet.engines}
        return [
            Scrape(
                _target("nvidia-dcgm-exporter", "gpu-operator", instance=f"{node}:9400"),
                partial(
                    dcgm_samples,
                    node,
                    self._gpus_of(node, fleet),
                    pods.get(node, ""),
                    fleet.namespace,
                ),
            )
            for node in fleet.nodes
        ]

    def _gpus_of(self, node: str, fleet: Fleet) -> Gpus:
        return self.gpus if self.gpus and node == fleet.nodes[0] else Gpus(fleet.gpus_per_node)


def _target(job: str, namespace: str, *, instance: str = "", honor_labels: bool = False) -> Target:
    instance = instance or f"{job}:8080"
    labels = {
        "job": job,
        "namespace": namespace,
        "service": job,
        "pod": f"{job}-{instance.split(':')[0].split('.')[0]}",
        "container": job,
        "endpoint": "metrics",
        "instance": instance,
    }
    return Target(labels, honor_labels)


def _engine_target(engine: Engine, fleet: Fleet, endpoint: str, port: int) -> Target:
    labels = {
        "job": fleet.server,
        "namespace": fleet.namespace,
        "service": fleet.server,
        "pod": engine.pod,
        "container": "vllm",
        "endpoint": endpoint,
        "instance": f"{engine.pod}:{port}",
    }
    return Target(labels)


_HUNG = replace(CALM, requests_per_s=0, steps_per_s=0, waiting=10)

SCENES = {
    scene.name: scene
    for scene in (
        Scene("calm", "Two requests a second for each engine, and nothing is wrong."),
        Scene(
            "burst",
            "Four times the traffic: requests queue, and first tokens come late.",
            frozenset({"ModelServerQueueBacklog", "ModelServerSlowFirstToken"}),
            load=replace(
                CALM,
                requests_per_s=8,
                running=256,
                waiting=80,
                kv_cache_usage_ratio=0.75,
                time_to_first_token_s=Spread(6, 18),
                inter_token_latency_s=Spread(0.045, 0.09),
                queue_time_s=Spread(5, 16),
            ),
        ),
        Scene(
            "kv-full",
            "Long conversations fill the KV cache: vLLM preempts and computes again.",
            frozenset({"HighKVCacheUsage"}),
            load=replace(
                CALM,
                running=60,
                waiting=4,
                kv_cache_usage_ratio=1.06,
                preemptions_per_s=0.4,
                time_to_first_token_s=Spread(0.3, 0.9),
            ),
        ),
        Scene(
            "stall",
            "A collective of the first engine hangs: it holds requests and makes no step.",
            frozenset({"ModelServerEngineStalled"}),
            first_load=_HUNG,
        ),
        Scene(
            "errors",
            "One request in ten ends with an error.",
            load=replace(CALM, error_ratio=0.1),
        ),
        Scene(
            "engine-down",
            "The first engine's process is gone: no scrape, no probe.",
            frozenset({"ModelServerNotReady"}),
            first_engine_up=False,
        ),
        Scene(
            "expert-skew",
            "The router sends 60 % of the tokens to one expert of eight, and none to another.",
            hot_share=0.6,
            dead_expert=True,
        ),
        Scene(
            "gpu-lost",
            "A GPU of the first node falls off the bus.",
            frozenset({"GPULost"}),
            gpus=Gpus(7, xid_errors=((79, 1),)),
        ),
    )
}
"""By name; `calm` first."""
