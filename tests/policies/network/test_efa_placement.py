from typing import Any

import pytest

from policies.network.efa_placement import POLICY
from tests.policies.efa_stack import Stack, interface
from tests.policies.engine_input import UNKNOWN, Said, check_stack

TARGET_KEY = "capacityReservationSpecification"
ARN_KEY = "capacityReservationResourceGroupArn"
TARGET = {TARGET_KEY: {"capacityReservationTarget": {"capacityReservationId": "cr-1"}}}


def check(**given: Any) -> Said:
    return check_stack(POLICY, Stack(**given).resources)


@pytest.mark.parametrize("created", [True, False])
@pytest.mark.parametrize("subnet", ["subnet-1", UNKNOWN])
def test_the_component_is_allowed(created: bool, subnet: str) -> None:
    assert check(created=created, subnets=(subnet,)).nothing


@pytest.mark.parametrize(
    ("subnets", "number"),
    [(("a", "b"), 2), ((UNKNOWN, UNKNOWN, UNKNOWN), 3), ((), 0), (None, 0), ("subnet-1", 0)],
)
def test_another_number_of_subnets_is_refused(subnets: Any, number: int) -> None:
    said = check(subnets=subnets).only()
    assert f'NodeGroup "gpu": found {number} subnets; allowed: exactly one' in said
    assert "fix: " in said


@pytest.mark.parametrize("strategy", ["spread", "partition", None])
def test_another_strategy_is_refused(strategy: object) -> None:
    said = check(strategy=strategy).only()
    assert said.startswith('PlacementGroup "gpu": found strategy ')
    assert "allowed: cluster" in said


@pytest.mark.parametrize("placement", [None, {}, {"groupName": ""}, {"tenancy": "default"}, []])
def test_no_placement_group_is_refused(placement: object) -> None:
    said = check(template={"placement": placement}).only()
    assert 'LaunchTemplate "gpu": found no placement group for up to 2 nodes on demand' in said


def test_one_node_has_no_neighbour() -> None:
    nodes = {"minSize": 0, "desiredSize": 1, "maxSize": 1}
    assert check(template={"placement": {}}, node_group={"scalingConfig": nodes}).nothing


@pytest.mark.parametrize("size", [None, "many", UNKNOWN])
def test_a_size_that_is_no_number_is_said_to_be_unchecked(size: object) -> None:
    said = check(template={"placement": {}}, node_group={"scalingConfig": {"maxSize": size}})
    assert not said.refusals
    assert "maxSize" in said.unchecked[0]


@pytest.mark.parametrize(
    ("template", "node_group"),
    [
        ({}, {"capacityType": "CAPACITY_BLOCK"}),
        ({"instanceMarketOptions": {"marketType": "capacity-block"}}, {}),
        (TARGET, {}),
        ({TARGET_KEY: {"capacityReservationTarget": {"capacityReservationId": UNKNOWN}}}, {}),
        ({TARGET_KEY: {"capacityReservationTarget": {ARN_KEY: "arn:aws:resource-groups:a"}}}, {}),
    ],
)
def test_capacity_that_is_reserved_needs_none(
    template: dict[str, Any], node_group: dict[str, Any]
) -> None:
    assert check(template={"placement": None, **template}, node_group=node_group).nothing


@pytest.mark.parametrize("reserved", [{}, TARGET])
def test_a_placement_group_of_another_stack_is_said_to_be_unchecked(
    reserved: dict[str, Any],
) -> None:
    """It may be the reservation's own, which only its owner can tell."""
    said = check(template={"placement": {"groupName": "theirs"}, **reserved})
    assert not said.refusals
    assert "placement group theirs" in said.unchecked[0]


def test_a_placement_group_that_is_not_known_yet_is_said_to_be_unchecked() -> None:
    said = check(template={"placement": {"groupName": UNKNOWN}})
    assert not said.refusals
    assert "placement group that is not known yet" in said.unchecked[0]


def test_a_placement_group_is_found_by_name() -> None:
    assert check_stack(POLICY, Stack().without_dependencies).nothing
    assert check_stack(POLICY, Stack(strategy="spread").without_dependencies).refusals


def test_nodes_without_efa_or_of_other_types_are_none_of_its_business() -> None:
    assert check(subnets=("a", "b"), interfaces=[interface(0, 0, "interface")]).nothing
    assert check(subnets=("a", "b"), instance_types=("c5n.18xlarge",)).nothing


@pytest.mark.parametrize(
    ("given", "unknown"),
    [
        ({"subnets": UNKNOWN}, "subnetIds"),
        ({"instance_types": (UNKNOWN,)}, "instanceTypes.0"),
        ({"strategy": UNKNOWN}, "strategy"),
    ],
)
def test_an_unknown_is_said_to_be_unchecked(given: dict[str, Any], unknown: str) -> None:
    said = check(**given)
    assert not said.refusals
    assert f"{unknown} can't be known" in said.unchecked[0]


def test_an_unknown_does_not_hide_a_violation() -> None:
    said = check(subnets=UNKNOWN, strategy="spread")
    assert len(said.refusals) == len(said.unchecked) == 1
