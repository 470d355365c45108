import pytest

from catalog import charts
from components import gpu_operator, keda, leader_worker_set_operator, monitoring
from stacks import reading

CHARTS = reading.from_file("local").charts.model_copy(
    update={"image_registry": "registry.example.com", "grafana_admin_secret": "grafana-admin"}
)


@pytest.mark.parametrize(
    ("chart", "values"),
    [
        (charts.GPU_OPERATOR, gpu_operator.values([], "registry.example.com")),
        (charts.EFA_DEVICE_PLUGIN, gpu_operator.efa_values([], "registry.example.com")),
        (charts.KUBE_PROMETHEUS_STACK, monitoring.values(CHARTS)),
        (charts.LEADER_WORKER_SET, leader_worker_set_operator.values("registry.example.com")),
        (charts.KEDA, keda.values("registry.example.com")),
    ],
    ids=lambda value: value.name if isinstance(value, charts.Chart) else "",
)
def test_the_real_chart_knows_every_value_that_we_send(chart, values) -> None:  # type: ignore[no-untyped-def]
    assert charts.unknown_values(chart, values) == []


def test_a_misspelt_key_is_found_at_any_depth() -> None:
    values = {
        "devicePlugins": {"enabled": True},
        "dcgmExporter": {"config": {"nam": "x"}, "serviceMonitor": {"enabld": True}},
    }
    assert charts.unknown_values(charts.GPU_OPERATOR, values) == [
        "dcgmExporter.config.nam",
        "dcgmExporter.serviceMonitor.enabld",
        "devicePlugins",
    ]


def test_free_maps_and_subcharts_are_left_alone() -> None:
    values = {"grafana": {"anything": {"goes": 1}}, "commonLabels": {"team": "x"}}
    assert charts.unknown_values(charts.KUBE_PROMETHEUS_STACK, values) == []
