"""The PrometheusRule: the alerts of the catalogue, where Prometheus finds them."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import apiextensions, meta

from catalog.alert_rules import RULE_NAME, AlertThresholds, rule_groups
from components.child_options import child_options
from components.monitoring import NAMESPACE, RELEASE_LABEL
from stacks.settings.alerts import AlertSettings


@dataclass(frozen=True, slots=True)
class AlertsArgs:
    settings: AlertSettings
    gpus_per_node: int


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
        )
        groups = rule_groups(thresholds, settings.runbook_base_url)
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
