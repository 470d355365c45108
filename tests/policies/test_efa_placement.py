from typing import Any

import pytest

from policies.efa_placement import POLICY
from tests.policies.efa_stack import Stack, interface
from tests.policies.engine_input import UNKNOWN, Said, check_stack


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
    stack = Stack(template={"placement": placement})
    said = check_stack(POLICY, stack.without_dependencies).only()
    assert 'LaunchTemplate "gpu": found no placement group' in said


@pytest.mark.parametrize(
    "block",
    [
        {"node_group": {"capacityType": "CAPACITY_BLOCK"}},
        {"template": {"placement": {}, "instanceMarketOptions": {"marketType": "capacity-block"}}},
    ],
)
def test_a_capacity_block_needs_none(block: dict[str, Any]) -> None:
    stack = Stack(**block)
    stack.template.property_dependencies = {}
    assert check_stack(POLICY, stack.resources).nothing


def test_a_placement_group_of_another_stack_is_said_to_be_unchecked() -> None:
    stack = Stack(template={"placement": {"groupName": "theirs"}})
    said = check_stack(POLICY, stack.without_dependencies)
    assert not said.refusals
    assert "placement group theirs" in said.unchecked[0]


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
