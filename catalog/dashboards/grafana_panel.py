"""A panel by Grafana's builders, one function a kind."""

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from catalog.dashboards.board import (
    SERIES_COLOURS,
    HeatMap,
    Matrix,
    Panel,
    Query,
    Stat,
    Table,
    TimeSeries,
)

PROMETHEUS = models.DataSourceRef(type_val="prometheus", uid="${datasource}")

PanelBuilder = timeseries.Panel | stat.Panel | table.Panel | heatmap.Panel


def panel_builder(panel: Panel, runbook_url: str) -> PanelBuilder:
    """Everything but the panel's id and place; raises TypeError for an unknown kind."""
    builder = _of_kind(panel)
    builder.title(panel.title).description(panel.description).datasource(PROMETHEUS)
    builder.span(panel.width).height(panel.height).unit(panel.unit)
    builder.thresholds(
        dashboard.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps(
            [
                models.Threshold(None, panel.base_colour),
                *(models.Threshold(limit.value, limit.colour) for limit in panel.limits),
            ]
        )
    )
    if panel.decimals is not None:
        builder.decimals(panel.decimals)
    if panel.minimum is not None:
        builder.min(panel.minimum)
    if panel.maximum is not None:
        builder.max(panel.maximum)
    builder.links([_runbook(alert, runbook_url) for alert in panel.alerts])
    return builder


def _runbook(alert: str, runbook_url: str) -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink(f"Runbook of {alert}")
        .type(models.DashboardLinkType.LINK)
        .url(runbook_url.format(alert=alert.lower()))
        .target_blank(True)
    )


def _of_kind(panel: Panel) -> PanelBuilder:
    match panel:
        case TimeSeries():
            return _time_series(panel)
        case Stat():
            return _stat(panel)
        case Table():
            return _table(panel)
        case Matrix():
            return _matrix(panel)
        case HeatMap():
            return _heat_map(panel)
        case _:
            raise TypeError(f"{type(panel).__name__} is no kind of panel")


def _query(index: int, query: Query) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .ref_id(_ref_id(index))
        .datasource(PROMETHEUS)
        .expr(query.expression)
        .legend_format(query.legend)
    )


def _ref_id(index: int) -> str:
    return chr(ord("A") + index)


def _time_series(panel: TimeSeries) -> timeseries.Panel:
    builder = (
        timeseries.Panel()
        .line_width(2)
        .fill_opacity(60 if panel.stacked else 0)
        .legend(
            common.VizLegendOptions()
            .display_mode(common_models.LegendDisplayMode.LIST)
            .placement(common_models.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI))
    )
    if panel.stacked:
        builder.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    if panel.limits:
        dashed = common_models.GraphThresholdsStyleMode.DASHED
        builder.thresholds_style(common.GraphThresholdsStyleConfig().mode(dashed))
    for index, query in enumerate(panel.queries):
        builder.with_target(_query(index, query).range())
        if len(panel.queries) > 1:
            colour = {"mode": "fixed", "fixedColor": SERIES_COLOURS[index % len(SERIES_COLOURS)]}
            builder.override_by_query(_ref_id(index), [models.DynamicConfigValue("color", colour)])
    return builder


def _stat(panel: Stat) -> stat.Panel:
    builder = (
        stat.Panel()
        .color_mode(common_models.BigValueColorMode.BACKGROUND_SOLID)
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    for index, query in enumerate(panel.queries):
        builder.with_target(_query(index, query).instant())
    return builder


_COLOURED_CELL = common_models.TableColoredBackgroundCellOptions(
    common_models.TableCellBackgroundDisplayMode.BASIC
)


def _table(panel: Table) -> table.Panel:
    columns = {name: index for index, name in enumerate((*panel.labels, "Value"))}
    return (
        _instant_table(panel)
        .sort_by(
            [common.TableSortByFieldState().display_name(panel.value).desc(panel.highest_first)]
        )
        .with_transformation(
            models.DataTransformerConfig(
                "organize",
                options={
                    "excludeByName": {"Time": True},
                    "indexByName": columns,
                    "renameByName": {"Value": panel.value},
                },
            )
        )
        .override_by_name(
            panel.value, [models.DynamicConfigValue("custom.cellOptions", _COLOURED_CELL)]
        )
    )


def _matrix(panel: Matrix) -> table.Panel:
    """Grafana's heat map has time on one axis, so two labels make a table with coloured cells."""

    def sorted_by(field: str) -> models.DataTransformerConfig:
        return models.DataTransformerConfig("sortBy", options={"sort": [{"field": field}]})

    return (
        _instant_table(panel)
        .cell_height(common_models.TableCellHeight.SM)
        .cell_options(_COLOURED_CELL)
        # Else columns are 150 pixels wide, and all but a few of the layers out of sight.
        .min_width(36)
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
        .with_transformation(sorted_by(panel.columns))
        .with_transformation(
            models.DataTransformerConfig(
                "groupingToMatrix",
                options={
                    "rowField": panel.rows,
                    "columnField": panel.columns,
                    "valueField": "Value",
                    "emptyValue": "null",
                },
            )
        )
        .with_transformation(sorted_by(f"{panel.rows}\\{panel.columns}"))
    )


def _instant_table(panel: Table | Matrix) -> table.Panel:
    builder = table.Panel()
    for index, query in enumerate(panel.queries):
        builder.with_target(_query(index, query).instant().format(PromQueryFormat.TABLE))
    return builder


def _heat_map(panel: HeatMap) -> heatmap.Panel:
    colour = (
        heatmap.HeatmapColorOptions()
        .mode(heatmap_models.HeatmapColorMode.SCHEME)
        .scheme("Viridis")
        .scale(heatmap_models.HeatmapColorScale.LINEAR)
        .steps(64)
    )
    if panel.minimum is not None:
        colour.min(panel.minimum)
    if panel.maximum is not None:
        colour.max(panel.maximum)
    builder = (
        heatmap.Panel()
        .calculate(False)
        .color(colour)
        .cell_values(heatmap.CellValues().unit(panel.unit))
        .show_legend()
    )
    for index, query in enumerate(panel.queries):
        builder.with_target(_query(index, query).range())
    return builder
