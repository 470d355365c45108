"""The dashboards of the catalogue, one ConfigMap each, where Grafana's sidecar finds them."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import core, meta

from catalog.alerts import Served
from catalog.dashboards import boards
from catalog.dashboards.grafana import to_json
from components.child_options import child_options
from components.monitoring import (
    DASHBOARD_LABEL,
    DASHBOARD_LABEL_VALUE,
    FOLDER_ANNOTATION,
    NAMESPACE,
)
from stacks.settings.alerts import AlertSettings

_FOLDER = "MoE serving"


@dataclass(frozen=True, slots=True)
class DashboardsArgs:
    """`alerts` has the limits that panels show, and where runbooks are."""

    alerts: AlertSettings
    served: Served


class Dashboards(pulumi.ComponentResource):
    """Outputs: the uids, which are the dashboards' addresses in Grafana."""

    uids: list[str]

    def __init__(
        self, name: str, args: DashboardsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("moe-serving:index:Dashboards", name, None, opts)
        chosen = boards(args.served, args.alerts)
        self.uids = [board.uid for board in chosen]
        for board in chosen:
            core.v1.ConfigMap(
                f"{name}-{board.uid}",
                metadata=meta.v1.ObjectMetaArgs(
                    name=f"dashboard-{board.uid}",
                    namespace=NAMESPACE,
                    labels={DASHBOARD_LABEL: DASHBOARD_LABEL_VALUE},
                    annotations={FOLDER_ANNOTATION: _FOLDER},
                ),
                data={f"{board.uid}.json": to_json(board, args.alerts.runbook_url)},
                opts=child_options(self, opts),
            )
        self.register_outputs({"uids": self.uids})
