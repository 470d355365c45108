from typing import Any

import pytest
from pulumi_policy import PolicyResource

from policies.availability.capacity_agrees import POLICY
from policies.aws.node_groups import NODE_GROUP
from policies.images_and_secrets import image_pinned
from tests.policies.efa_stack import PLACEMENT_GROUP, Stack
from tests.policies.engine_input import UNKNOWN, Said, check, check_stack, resource

P4D = "p4d.24xlarge"
RESERVATION = "aws:ec2/capacityReservation:CapacityReservation"
GROUP_ARN = "arn:aws:resource-groups:us-east-1:123456789012:group/gpus"


def target(**fields: Any) -> dict[str, Any]:
    return {"capacityReservationSpecification": {"capacityReservationTarget": fields}}


BY_ID = target(capacityReservationId="cr-0123456789abcdef0")
BY_GROUP = target(capacityReservationResourceGroupArn=GROUP_ARN)
BLOCK = {
    "instanceMarketOptions": {"marketType": "capacity-block"},
    "instanceType": P4D,
    "placement": None,
    **BY_ID,
}


def judge(template: dict[str, Any], types: Any = (P4D,), **node_group: Any) -> Said:
    stack = Stack(template=template, instance_types=types, node_group=node_group)
    return check_stack(POLICY, stack.resources)


def block(without: str = "", types: Any = None, **fields: Any) -> Said:
    """A Capacity Block with nothing wrong, but for what is left out or given in its place."""
    template = {key: value for key, value in BLOCK.items() if key != without} | fields
    return judge({"placement": None, **template}, types, capacityType="CAPACITY_BLOCK")


@pytest.mark.parametrize("created", [True, False])
def test_on_demand_is_allowed(created: bool) -> None:
    assert check_stack(POLICY, Stack(created=created).resources).nothing
    assert judge({"placement": None}, capacityType=None).nothing


def test_a_type_in_the_launch_template_alone_makes_no_block() -> None:
    assert judge({"instanceType": P4D}, None).nothing


@pytest.mark.parametrize("types", [None, (), []])
def test_a_capacity_block_that_is_named_everywhere_is_allowed(types: object) -> None:
    assert block(types=types).nothing


def test_the_blocks_reservation_may_be_not_known_yet() -> None:
    assert block(**target(capacityReservationId=UNKNOWN)).nothing


@pytest.mark.parametrize(
    ("left_out", "found"),
    [
        ("instanceMarketOptions", "found marketType nothing for a node group of a Capacity Block"),
        ("capacityReservationSpecification", "found no capacityReservationId"),
        ("instanceType", "found no instanceType for a Capacity Block"),
    ],
)
def test_what_the_launch_template_of_a_block_lacks_is_refused(left_out: str, found: str) -> None:
    said = block(without=left_out).only()
    assert said.startswith(f'LaunchTemplate "gpu": {found}')
    assert "allowed: " in said
    assert "fix: " in said


@pytest.mark.parametrize("capacity_type", [None, "ON_DEMAND", "SPOT"])
def test_another_capacity_type_of_a_block_is_refused(capacity_type: object) -> None:
    said = judge(BLOCK, None, capacityType=capacity_type).only()
    assert said.startswith(f'NodeGroup "gpu": found capacityType {capacity_type or "nothing"} with')
    assert "allowed: CAPACITY_BLOCK" in said


def test_a_type_in_both_places_is_refused() -> None:
    said = block(types=(P4D,)).only()
    assert f'NodeGroup "gpu": found instanceTypes {P4D} of a Capacity Block; allowed: none' in said


def test_capacity_type_alone_is_refused_for_each_that_is_missing() -> None:
    said = judge({"placement": None}, capacityType="CAPACITY_BLOCK")
    assert not said.unchecked
    assert len(said.refusals) == 4


def test_market_type_alone_is_refused_for_each_that_is_missing() -> None:
    said = judge({"placement": None, "instanceMarketOptions": {"marketType": "capacity-block"}})
    assert not said.unchecked
    assert len(said.refusals) == 4


def test_a_resource_group_for_a_block_is_refused() -> None:
    said = block(**target(capacityReservationId="cr-1", **resource_group())).only()
    assert "found a resource group for a Capacity Block" in said


def resource_group() -> dict[str, str]:
    return {"capacityReservationResourceGroupArn": GROUP_ARN}


@pytest.mark.parametrize("name", ["theirs", UNKNOWN])
def test_a_placement_group_for_a_block_is_refused(name: str) -> None:
    said = block(placement={"groupName": name}).only()
    assert "found a placement group for a Capacity Block; allowed: none" in said


def test_a_block_without_a_launch_template_is_refused() -> None:
    group = resource(NODE_GROUP, "gpu", {"capacityType": "CAPACITY_BLOCK"})
    assert "without a launch template" in check_stack(POLICY, [group]).only()


def test_a_launch_template_of_another_stack_is_said_to_be_unchecked() -> None:
    props = {"capacityType": "CAPACITY_BLOCK", "launchTemplate": {"id": "lt-9"}}
    said = check_stack(POLICY, [resource(NODE_GROUP, "gpu", props)])
    assert not said.refusals
    assert "launch template, which the stack does not declare" in said.unchecked[0]


@pytest.mark.parametrize("reserved", [BY_ID, BY_GROUP, target(capacityReservationId=UNKNOWN)])
@pytest.mark.parametrize("capacity_type", [None, "ON_DEMAND"])
def test_a_reservation_without_a_placement_group_is_allowed(
    reserved: dict[str, Any], capacity_type: object
) -> None:
    assert judge({"placement": None, **reserved}, capacityType=capacity_type).nothing


def test_a_reservation_with_its_own_placement_group_is_allowed() -> None:
    assert judge({"placement": {"groupName": "theirs"}, **BY_ID}).nothing


@pytest.mark.parametrize("created", [True, False])
def test_a_reservation_with_a_placement_group_of_the_stack_is_refused(created: bool) -> None:
    said = check_stack(POLICY, Stack(created=created, template=BY_ID).resources).only()
    assert 'found placement group "gpu" of this stack with a capacity reservation' in said
    assert "allowed: none, or the group that the reservation was made in" in said


def test_a_reservation_that_the_stack_makes_in_its_placement_group_is_allowed() -> None:
    stack = Stack(template=target(capacityReservationId=UNKNOWN))
    made = resource(RESERVATION, "gpu", {}, {"placementGroupArn": [stack.placement]})
    dependencies: dict[str, list[PolicyResource]] = stack.template.property_dependencies
    dependencies["capacityReservationSpecification"] = [made]
    assert check_stack(POLICY, [*stack.resources, made]).nothing
    elsewhere = resource(RESERVATION, "gpu", {})
    dependencies["capacityReservationSpecification"] = [elsewhere]
    assert check_stack(POLICY, [*stack.resources, elsewhere]).refusals


def test_two_targets_are_refused() -> None:
    both = target(capacityReservationId="cr-1", **resource_group())
    said = judge({"placement": None, **both}).only()
    assert "found capacityReservationId and capacityReservationResourceGroupArn" in said


def test_spot_in_a_reservation_is_refused() -> None:
    said = judge({"placement": None, **BY_ID}, capacityType="SPOT").only()
    assert 'NodeGroup "gpu": found capacityType SPOT with a capacity reservation' in said


def test_spot_by_itself_is_none_of_its_business() -> None:
    assert judge({"placement": None}, capacityType="SPOT").nothing


@pytest.mark.parametrize(
    ("template", "node_group"),
    [
        ({"capacityReservationSpecification": UNKNOWN}, {}),
        ({"instanceMarketOptions": UNKNOWN}, {}),
        ({}, {"capacityType": UNKNOWN}),
        ({"placement": UNKNOWN, **BLOCK}, {"capacityType": UNKNOWN}),
    ],
)
def test_an_unknown_is_said_to_be_unchecked(
    template: dict[str, Any], node_group: dict[str, Any]
) -> None:
    said = judge(template, None, **node_group)
    assert not said.refusals
    assert "can't be known" in said.unchecked[0]


def test_what_the_provider_fills_in_later_is_not_taken_for_declared() -> None:
    """In a preview the outputs that the program left out are unknown; its inputs are not."""
    check(image_pinned.POLICY, {"subnetIds": ["a"]}, resource_type=NODE_GROUP, name="gpu")
    said = judge(BLOCK, UNKNOWN, capacityType=UNKNOWN).only()
    assert "found capacityType nothing" in said


@pytest.mark.parametrize("kind", [PLACEMENT_GROUP, RESERVATION])
def test_other_resources_are_none_of_its_business(kind: str) -> None:
    assert check_stack(POLICY, [resource(kind, "gpu", {"capacityType": "CAPACITY_BLOCK"})]).nothing
