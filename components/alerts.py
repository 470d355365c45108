"""The PrometheusRule: the alerts of the catalogue, where Prometheus finds them."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import apiextensions, meta

from catalog.alerts import Served, rule_groups
from components.child_options import child_options
from components.monitoring import NAMESPACE, RELEASE_LABEL
from stacks.settings.alerts import AlertSettings

_RULE_NAME = "vllm-kv-cache-usage"


@dataclass(frozen=True, slots=True)
class AlertsArgs:
    settings: AlertSettings
    served: Served


class Alerts(pulumi.ComponentResource):
    """Outputs: how many alerts the rule has."""

    count: int

    def __init__(
        self, name: str, args: AlertsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("moe-serving:index:Alerts", name, None, opts)
        groups = rule_groups(args.served, args.settings)
        self.count = sum(len(group.alerts) for group in groups)
        apiextensions.CustomResource(
            name,
            api_version="monitoring.coreos.com/v1",
            kind="PrometheusRule",
            metadata=meta.v1.ObjectMetaArgs(
                name=_RULE_NAME, namespace=NAMESPACE, labels=dict(RELEASE_LABEL)
            ),
            spec={"groups": [group.as_dict(args.settings.runbook_url) for group in groups]},
            opts=child_options(self, opts),
        )
        self.register_outputs({"count": self.count})
