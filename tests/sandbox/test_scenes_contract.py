"""The scenes play what is really exported, and bring alerts that are really deployed."""

import pytest

from catalog.alerts.scenes.scene import alerts
from catalog.metrics import exported
from sandbox.monitoring.scene import Scene
from sandbox.monitoring.scenes import SCENES

OF_PROMETHEUS = {"up"}
OF_A_TARGET = {"namespace", "pod", "container"}
"""Labels that the lists leave out where they say nothing."""

EVERY_SCENE = pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())


@EVERY_SCENE
def test_what_is_played_is_exported(scene: Scene) -> None:
    for sample in scene.samples(600):
        if sample.name not in OF_PROMETHEUS:
            metric = exported()[sample.family]
            assert sample.kind == metric.type, sample.name
            assert set(sample.labels) <= metric.labels | OF_A_TARGET | {"le"}, sample.name


def test_buckets_end_at_the_edges_of_the_histograms() -> None:
    edges: dict[str, set[float]] = {}
    for sample in SCENES["calm"].samples(600):
        if sample.labels.get("le", "+Inf") != "+Inf":
            edges.setdefault(sample.family, set()).add(float(sample.labels["le"]))
    assert edges
    for name, played in edges.items():
        assert not exported()[name].edges or played == set(exported()[name].edges), name


@EVERY_SCENE
def test_what_a_scene_brings_exists(scene: Scene) -> None:
    assert scene.alerts <= set(alerts())
