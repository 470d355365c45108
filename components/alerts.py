"""The PrometheusRule: the alerts of the catalogue, where Prometheus finds them."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import apiextensions, meta

from catalog.alert_rules import RULE_NAME, AlertThresholds, rule_groups
from components import model_server
from components.child_options import child_options
from components.monitoring import NAMESPACE, RELEASE_LABEL
from stacks.settings.alerts import AlertSettings


@dataclass(frozen=True, slots=True)
class AlertsArgs:
    """`engine_has_metrics` is false where only probes tell how an engine is."""

    settings: AlertSettings
    gpus_per_node: int
    startup_s: int
    engine_has_metrics: bool


class Alerts(pulumi.ComponentResource):
    """Outputs: how many alerts the rule has."""

    count: int

    def __init__(
        self, name: str, args: AlertsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("moe-serving:index:Alerts", name, None, opts)
        settings = args.settings
        thresholds = AlertThresholds(
            kv_cache_usage_ratio=settings.kv_cache_usage_ratio,
            waiting_requests=settings.waiting_requests,
            ttft_p99_s=settings.ttft_p99_s,
            gpus_per_node=args.gpus_per_node,
            startup_s=args.startup_s,
            namespace=model_server.NAMESPACE,
        )
        groups = rule_groups(
            thresholds,
            settings.runbook_base_url,
            engine_has_metrics=args.engine_has_metrics,
        )
        self.count = sum(len(group["rules"]) for group in groups)
        apiextensions.CustomResource(
            name,
            api_version="monitoring.coreos.com/v1",
            kind="PrometheusRule",
            metadata=meta.v1.ObjectMetaArgs(
                name=RULE_NAME, namespace=NAMESPACE, labels=dict(RELEASE_LABEL)
            ),
            spec={"groups": groups},
            opts=child_options(self, opts),
        )
        self.register_outputs({"count": self.count})
