"""Alerts on nodes, the GPU Operator, and pods that cannot start."""

import dataclasses

import pytest

from catalog.alerts import Thresholds, cluster
from catalog.alerts.scenes.scene import SERVED, alerts


@pytest.mark.parametrize(
    ("engines", "expected"),
    [(0, set()), (1, {"ModelServerDown"}), (2, {"ModelServerDown", "ModelServerEnginesMissing"})],
)
def test_nobody_misses_engines_that_are_not_wanted(engines: int, expected: set[str]) -> None:
    served = dataclasses.replace(SERVED, engines=engines)
    names = {alert.name for alert in cluster.group(served, Thresholds().cluster).alerts}
    assert names & {"ModelServerDown", "ModelServerEnginesMissing"} == expected
    assert "EngineUnschedulable" in names


def test_engines_of_one_pod_are_found_by_the_name_of_their_deployment() -> None:
    served = dataclasses.replace(SERVED, spans_nodes=False)
    (down,) = (a for a in cluster.group(served, Thresholds().cluster).alerts if "Down" in a.name)
    assert 'pod=~"mixtral-.+"' in down.expression
    assert 'pod=~"mixtral-group-[0-9]+"' in alerts()["ModelServerDown"].expression
