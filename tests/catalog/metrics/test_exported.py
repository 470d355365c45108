"""The lists say where they are from, and Prometheus' own rules for labels hold."""

import re

import pytest

from catalog.metrics import exported
from catalog.metrics.exported import lists
from catalog.metrics.metric import Scrape
from components.monitoring import dcgm_collectors


@pytest.mark.parametrize("listed", lists(), ids=lambda listed: str(listed["source"]))
def test_every_list_has_a_source_a_version_and_pages(listed: dict[str, object]) -> None:
    assert listed["version"]
    assert listed["pages"]


def test_names_and_types_fit_each_other() -> None:
    for metric in exported().values():
        assert re.fullmatch(r"[a-zA-Z_:][a-zA-Z0-9_:]*", metric.name)
        assert metric.type in ("counter", "gauge", "histogram")
        assert list(metric.edges) == sorted(set(metric.edges)), metric.name


def test_of_dcgm_there_is_what_the_exporter_is_told_to_collect() -> None:
    rows = [row for row in dcgm_collectors().splitlines() if not row.startswith("#")]
    of_dcgm = {name for name, metric in exported().items() if metric.source == "dcgm-exporter"}
    assert of_dcgm == {row.partition(",")[0] for row in rows}
    assert exported()["DCGM_FI_DEV_GPU_UTIL"].unit == "percent"
    assert exported()["DCGM_FI_PROF_SM_ACTIVE"].unit == "ratio"
    assert exported()["DCGM_FI_DEV_FB_USED"].unit == "MiB"


def test_the_pod_on_a_gpu_is_not_the_pod_of_the_exporter() -> None:
    labels = exported()["DCGM_FI_DEV_GPU_TEMP"].labels
    assert labels >= {"pod", "exported_pod", "Hostname", "gpu", "UUID"}
    assert "node" not in labels


@pytest.mark.parametrize(
    ("honors", "labels"),
    [(False, {"pod", "exported_pod", "gpu"}), (True, {"pod", "gpu"})],
)
def test_labels_that_both_have(honors: bool, labels: set[str]) -> None:
    assert Scrape(frozenset({"pod"}), honors).stored(frozenset({"pod", "gpu"})) == labels
