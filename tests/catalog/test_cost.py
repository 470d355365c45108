"""What a stack costs."""

from typing import Any

import pytest

from catalog.cost import HOURS_PER_MONTH, Cost, cost
from preflight.stack_cost import stack_cost
from stacks import reading


def _cost(**changes: Any) -> Cost:
    usual = {
        "region": "us-east-1",
        "instance_type": "p4d.24xlarge",
        "gpu_nodes": 2,
        "purchase": "on_demand",
        "system_instance_type": "m6i.xlarge",
        "system_nodes": 2,
        "nat_gateways": 1,
        "interface_endpoints": 18,
    }
    return cost(**{**usual, **changes})


def test_every_line_is_in_the_sum() -> None:
    found = _cost()
    assert found.gpu_hours_per_hour == 16
    assert {line.what: line.usd_per_hour for line in found.lines} == pytest.approx(
        {
            "GPU nodes, p4d.24xlarge": 2 * 21.957642,
            "system nodes, m6i.xlarge": 2 * 0.192,
            "EKS control plane": 0.10,
            "NAT gateways": 0.045,
            "interface endpoints, per zone": 0.18,
        }
    )
    assert found.usd_per_hour == pytest.approx(44.624284)
    assert found.usd_per_month == pytest.approx(44.624284 * HOURS_PER_MONTH)
    assert found.without == ()


def test_no_gpu_node_costs_the_rest() -> None:
    found = _cost(gpu_nodes=0)
    assert found.gpu_hours_per_hour == 0
    assert found.usd_per_hour == pytest.approx(0.709)


def test_what_there_is_none_of_needs_no_price() -> None:
    found = _cost(region="eu-west-1", nat_gateways=0, interface_endpoints=0)
    assert [line.what for line in found.lines] == [
        "GPU nodes, p4d.24xlarge",
        "system nodes, m6i.xlarge",
        "EKS control plane",
    ]
    assert found.without == ()


def test_a_small_thing_without_a_price_is_named_and_left_out() -> None:
    found = _cost(system_instance_type="m7i.xlarge")
    assert found.without == ("system nodes, m7i.xlarge",)
    assert found.usd_per_hour == pytest.approx(44.240284)


def test_gpu_nodes_without_a_price_have_no_sum() -> None:
    found = _cost(region="eu-west-1", instance_type="p4de.24xlarge")
    assert found.usd_per_hour is None
    assert found.usd_per_month is None
    assert "GPU nodes, p4de.24xlarge" in found.without


@pytest.mark.parametrize(("running", "paid"), [(0, 4), (2, 4), (5, 5)])
def test_a_reservation_is_paid_for_whether_it_is_used_or_not(running: int, paid: int) -> None:
    found = _cost(purchase="reservation", gpu_nodes=running, reserved_nodes=4)
    assert found.lines[0].usd_per_hour == pytest.approx(paid * 21.957642)
    assert found.gpu_hours_per_hour == 8 * running
    assert found.note == f"a reservation is paid for whether it is used or not: {paid} nodes"


@pytest.mark.parametrize("gpu_nodes", [0, 2])
def test_a_capacity_block_has_been_paid_for(gpu_nodes: int) -> None:
    found = _cost(purchase="capacity_block", gpu_nodes=gpu_nodes)
    assert found.usd_per_hour is None
    assert "paid for when it is bought" in found.note


@pytest.mark.parametrize("stack", reading.stack_names())
def test_every_stack_has_a_cost_at_its_three_sizes(stack: str) -> None:
    settings = reading.from_file(stack)
    costs = stack_cost(settings)
    gpus = settings.gpu_node_group
    assert {at: each.gpu_nodes for at, each in costs.items()} == {
        "min_nodes": gpus.min_nodes,
        "desired_nodes": gpus.desired_nodes,
        "max_nodes": gpus.max_nodes,
    }
    assert all(each.usd_per_hour for each in costs.values())
