"""What a stack file may say and hardly ever means."""

from typing import Any

import pytest

from preflight import settings_advice
from preflight.finding import Verdict
from stacks import reading
from stacks.advice import advice
from tests.preflight.conftest import plan

BLOCK = {"kind": "capacity_block", "reservation_id": f"cr-{'0' * 17}"}
ODCR = {"kind": "reservation", "reservation_id": f"cr-{'0' * 17}"}
EFA = {"efa": {"enabled": True}}
BIG = {"model": "mistralai/Mixtral-8x22B-Instruct-v0.1", "memory_gib": 640}


def _one(**changes: Any) -> tuple[str, str]:
    (only,) = advice(plan(**changes).settings)
    return only.key, only.message


def test_none() -> None:
    assert advice(plan().settings) == []


def test_efa_that_nothing_uses() -> None:
    key, message = _one(gpu_node_group=EFA)
    assert key == "gpu_node_group.efa.enabled"
    assert "no engine spans nodes" in message
    assert "its placement group narrows where EC2 finds capacity" in message
    assert "set it to false, or keep it" in message


def test_efa_without_a_placement_group_of_its_own() -> None:
    _, message = _one(gpu_node_group={**EFA, "capacity": ODCR})
    assert "its interfaces narrow" in message


def test_efa_on_one_node() -> None:
    _, message = _one(gpu_node_group={**EFA, "desired_nodes": 1, "max_nodes": 1})
    assert message.startswith("EFA on at most one node has nobody to talk to")


@pytest.mark.parametrize("strategy", ["create_first", "terminate_first"])
def test_an_update_that_waits_for_a_node_that_is_not_reserved(strategy: str) -> None:
    full = plan(
        gpu_node_group={"capacity": BLOCK, "min_nodes": 2, "update": {"strategy": strategy}}
    )
    found = advice(full.settings)
    assert [each.key for each in found] == (
        ["gpu_node_group.update.strategy"] if strategy == "create_first" else []
    )
    # The check of the reservation says it, knowing what is left in it.
    assert [each.verdict for each in settings_advice.rows(full)] == [Verdict.OK]


def test_engines_that_wait_for_nodes_that_nobody_adds() -> None:
    key, message = _one(
        model_server={"replicas": 2}, gpu_node_group={"min_nodes": 0, "desired_nodes": 1}
    )
    assert key == "model_server.replicas"
    assert message.startswith("2 engines, and room for 1 on desired_nodes 1")


def test_a_long_download_before_the_first_answer() -> None:
    on_80_gb = {"instance_type": "p4de.24xlarge", "zone": "us-east-1b"}
    key, message = _one(gpu_node_group=on_80_gb, model_server=BIG)
    assert key == "model_weights.kind"
    assert "at 200 MiB/s" in message
    assert "for 22 minutes" in message
    in_s3 = plan(gpu_node_group=on_80_gb, model_server=BIG, model_weights={"kind": "s3"})
    assert advice(in_s3.settings) == []


def test_advice_is_a_row_that_names_the_key() -> None:
    (only,) = settings_advice.rows(plan(gpu_node_group=EFA))
    assert only.verdict is Verdict.WARN
    assert only.advice.startswith("gpu_node_group.efa.enabled: set it to false")


@pytest.mark.parametrize("stack", reading.stack_names())
def test_keys_are_of_the_stack_file(stack: str) -> None:
    settings = reading.from_file(stack)
    for each in advice(settings):
        value: Any = settings
        for part in each.key.split("."):
            value = getattr(value, part)
