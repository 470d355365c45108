"""The ConfigMaps of dashboards, and the Grafana that finds them."""

import json
from typing import Any

import pytest

from catalog import charts
from components import monitoring
from stacks import reading
from stacks.settings.charts import ChartSettings
from tests.components.declared import Declared, declared

CONFIG_MAP_BYTES = 2**20
CHARTS = reading.from_file("local").charts


@pytest.fixture(scope="module")
def config_maps() -> list[Declared]:
    return [
        each
        for each in declared({})
        if each.type == "kubernetes:core/v1:ConfigMap" and each.name.startswith("dashboards-")
    ]


def with_grafana() -> ChartSettings:
    return CHARTS.model_copy(update={"grafana_admin_secret": "grafana-admin"})


def grafana(settings: ChartSettings) -> dict[str, Any]:
    values: dict[str, Any] = monitoring.values(settings)["grafana"]
    return values


def test_each_dashboard_is_a_config_map_that_the_sidecar_selects(
    config_maps: list[Declared],
) -> None:
    assert len(config_maps) >= 3
    sidecar = grafana(with_grafana())["sidecar"]["dashboards"]
    for each in config_maps:
        assert each.labels == {sidecar["label"]: sidecar["labelValue"]}
        assert each.namespace == sidecar["searchNamespace"]
        assert each.inputs["metadata"]["annotations"].keys() == {sidecar["folderAnnotation"]}


def test_each_holds_the_json_of_its_dashboard(config_maps: list[Declared]) -> None:
    uids = []
    for each in config_maps:
        ((file, text),) = each.inputs["data"].items()
        uids.append(json.loads(text)["uid"])
        assert file == f"{uids[-1]}.json"
        assert len(text.encode()) < CONFIG_MAP_BYTES
    assert len(set(uids)) == len(uids)


def test_grafana_comes_only_with_a_secret_of_the_team() -> None:
    assert grafana(CHARTS) == {"enabled": False}
    chosen = grafana(with_grafana())
    assert chosen["enabled"]
    assert chosen["admin"]["existingSecret"] == "grafana-admin"
    assert chosen["grafana.ini"]["auth.anonymous"] == {"enabled": False}
    assert not {"adminPassword", "adminUser"} & chosen.keys()


def test_grafana_may_not_read_the_secrets_of_the_cluster() -> None:
    chosen = grafana(with_grafana())
    assert chosen["rbac"] == {"namespaced": True}
    for sidecar in chosen["sidecar"].values():
        assert sidecar["searchNamespace"] == monitoring.NAMESPACE


def test_the_chart_still_calls_the_label_so() -> None:
    known: Any = charts.known_values(charts.KUBE_PROMETHEUS_STACK)
    assert {"label", "labelValue", "searchNamespace"} <= known["grafana"]["sidecar"][
        "dashboards"
    ].keys()
