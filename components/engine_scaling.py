"""More engines while requests wait or KV caches fill: a ScaledObject of KEDA."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import apiextensions, meta

from components.monitoring import PROMETHEUS_URL
from stacks.settings.autoscaling import Autoscaling

_PERIOD_S = 60


@dataclass(frozen=True, slots=True)
class Scaled:
    """What is scaled: the workload, and the Service whose metrics say when."""

    api_version: str
    kind: str
    name: str
    namespace: pulumi.Input[str]
    service: str
    least: int
    startup_s: int


def scaled_object(
    name: str,
    scaled: Scaled,
    settings: Autoscaling,
    metadata: meta.v1.ObjectMetaArgs,
    opts: pulumi.ResourceOptions,
) -> apiextensions.CustomResource:
    """Both metrics are sums, which the autoscaler divides by the number of engines.

    GPU utilisation says nothing here: it is near 100 % from the first request on. An engine
    that starts takes no load for `startup_s`, so a second one is added no sooner.
    """
    return apiextensions.CustomResource(
        name,
        api_version="keda.sh/v1alpha1",
        kind="ScaledObject",
        metadata=metadata,
        spec={
            "scaleTargetRef": {
                "apiVersion": scaled.api_version,
                "kind": scaled.kind,
                "name": scaled.name,
            },
            "minReplicaCount": scaled.least,
            "maxReplicaCount": settings.max_replicas,
            "pollingInterval": settings.polling_interval_s,
            # Blind, it stops nothing that runs.
            "fallback": {
                "failureThreshold": 3,
                "replicas": scaled.least,
                "behavior": "currentReplicasIfHigher",
            },
            "advanced": {
                "horizontalPodAutoscalerConfig": {
                    "behavior": {
                        "scaleUp": {
                            "stabilizationWindowSeconds": settings.scale_up_window_s,
                            "policies": [_one_each(min(scaled.startup_s, _LONGEST_PERIOD_S))],
                        },
                        "scaleDown": {
                            "stabilizationWindowSeconds": settings.scale_down_window_s,
                            "policies": [_one_each(_PERIOD_S)],
                        },
                    }
                }
            },
            "triggers": [
                _trigger("vllm:num_requests_waiting", str(settings.waiting_requests), scaled),
                _trigger("vllm:kv_cache_usage_perc", f"{settings.kv_cache_usage_ratio:g}", scaled),
            ],
        },
        opts=opts,
    )


_LONGEST_PERIOD_S = 1800
"""Of a policy of a HorizontalPodAutoscaler."""


def _one_each(period_s: int) -> dict[str, object]:
    return {"type": "Pods", "value": 1, "periodSeconds": period_s}


def _trigger(metric: str, threshold: str, scaled: Scaled) -> dict[str, object]:
    query = pulumi.Output.format(
        'sum({0}{{namespace="{1}",service="{2}"}})', metric, scaled.namespace, scaled.service
    )
    return {
        "type": "prometheus",
        "metricType": "AverageValue",
        "metadata": {
            "serverAddress": PROMETHEUS_URL,
            "query": query,
            "threshold": threshold,
            # No series is no zero: the engines may be up and their scrape broken.
            "ignoreNullValues": "false",
        },
    }
