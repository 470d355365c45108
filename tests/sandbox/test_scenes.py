"""The scenes as functions: what is played is what exporters could say."""

from itertools import pairwise

import pytest

from sandbox.monitoring.fleet import EXAMPLE
from sandbox.monitoring.scenes import SCENES, Scene
from sandbox.monitoring.series import Sample

Series = tuple[str, frozenset[tuple[str, str]]]
EVERY_SCENE = pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())


def by_series(samples: list[Sample]) -> dict[Series, Sample]:
    found = {(each.name, frozenset(each.labels.items())): each for each in samples}
    assert len(found) == len(samples), "two samples of one series"
    return found


@EVERY_SCENE
def test_what_is_cumulative_never_falls_and_begins_at_nothing(scene: Scene) -> None:
    assert all(sample.value == 0 for sample in scene.samples(0) if sample.cumulative)
    moments = [by_series(scene.samples(elapsed_s)) for elapsed_s in range(0, 3600, 300)]
    for before, after in pairwise(moments):
        assert before.keys() == after.keys()
        for series, sample in after.items():
            assert not sample.cumulative or sample.value >= before[series].value, series


@EVERY_SCENE
def test_buckets_of_a_histogram_grow_to_its_count(scene: Scene) -> None:
    buckets: dict[Series, list[float]] = {}
    counts: dict[Series, float] = {}
    for sample in scene.samples(900):
        labels = frozenset((k, v) for k, v in sample.labels.items() if k != "le")
        if sample.name.endswith("_bucket"):
            buckets.setdefault((sample.family, labels), []).append(sample.value)
        elif sample.kind == "histogram" and sample.name.endswith("_count"):
            counts[sample.family, labels] = sample.value
    assert buckets.keys() == counts.keys()
    for series, values in buckets.items():
        assert values == sorted(values)
        assert values[-1] == counts[series]


def test_experts_share_all_tokens_between_them() -> None:
    for scene in SCENES.values():
        tokens: dict[tuple[str, str], float] = {}
        for sample in scene.samples(600):
            if sample.name == "moe_expert_tokens_total":
                layer = sample.labels["pod"], sample.labels["layer"]
                tokens[layer] = tokens.get(layer, 0) + sample.value
        served = [pod for pod, _ in tokens]
        for pod in set(served):
            assert len({round(n, 3) for (owner, _), n in tokens.items() if owner == pod}) == 1
            assert served.count(pod) == EXAMPLE.layers


def test_a_target_that_is_down_leaves_only_up() -> None:
    pod = EXAMPLE.engines[0].pod
    left = [
        sample
        for sample in SCENES["engine-down"].samples(60)
        if sample.labels.get("service") == EXAMPLE.server and sample.labels["pod"] == pod
    ]
    assert {(sample.name, sample.value) for sample in left} == {("up", 0.0)}
