"""A board in Grafana's JSON, by the builders that Grafana generates from its own schemas.

`grafana-foundation-sdk` has one release a Grafana version, with a timestamp as the epoch of its
version. Grafana upgrades the JSON of an older version as it loads it.
"""

import json

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from catalog.dashboards.board import Board, Variable
from catalog.dashboards.grafana_panel import PROMETHEUS, panel_builder

TAG = "moe-serving"
COLUMNS = 24
"""Of Grafana's grid."""


def to_json(board: Board, runbook_url: str) -> str:
    """The dashboard; `runbook_url` has `{alert}` where the page's name goes."""
    builder = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags([TAG])
        .editable()
        .refresh("1m")
        .time("now-3h", "now")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Other dashboards")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .keep_time(True)
            .include_vars(True)
        )
        .with_variable(
            dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
        )
    )
    for variable in board.variables:
        builder.with_variable(_variable(variable))
    panel_id = 0
    for row in board.rows:
        panel_id += 1
        builder.with_row(dashboard.Row(row.title).id(panel_id))
        for panel in row.panels:
            panel_id += 1
            builder.with_panel(panel_builder(panel, runbook_url).id(panel_id))
    return json.dumps(builder.build(), cls=JSONEncoder, sort_keys=True, indent=1) + "\n"


def _variable(variable: Variable) -> dashboard.QueryVariable:
    builder = (
        dashboard.QueryVariable(variable.name)
        .label(variable.name.capitalize())
        .datasource(PROMETHEUS)
        .query(
            {
                "query": f"label_values({variable.of}, {variable.label})",
                "refId": f"variable-{variable.name}",
            }
        )
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.NATURAL_ASC)
        .multi(variable.several)
        .include_all(variable.several)
    )
    if variable.several:
        builder.all_value(".*").current(models.VariableOption(text="All", value="$__all"))
    return builder
