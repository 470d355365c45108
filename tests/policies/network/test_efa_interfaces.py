from typing import Any

import pytest

from policies.aws.node_groups import LAUNCH_TEMPLATE
from policies.network.efa_interfaces import POLICY
from tests.policies.efa_stack import FOUR, Stack, interface
from tests.policies.engine_input import UNKNOWN, Said, check_stack, resource


def check(**given: Any) -> Said:
    return check_stack(POLICY, Stack(**given).resources)


L2 = [interface(card, kind="efa") for card in range(4)]
L3 = [
    interface(0, 0, "interface"),
    interface(0, 1, "efa-only"),
    *(interface(card, 0, "efa-only") for card in range(1, 4)),
]


@pytest.mark.parametrize("created", [True, False])
@pytest.mark.parametrize("node", ["p4d.24xlarge", "p4de.24xlarge"])
def test_the_component_is_allowed(created: bool, node: str) -> None:
    assert check(created=created, instance_types=(node,)).nothing


@pytest.mark.parametrize(
    "interfaces", [FOUR, FOUR[::-1], L2, L3, [L3[0] | {"interfaceType": None}, *L3[1:]]]
)
def test_layouts_that_ec2_starts(interfaces: list[Any]) -> None:
    assert check(interfaces=interfaces).nothing


def test_indices_that_are_left_out_are_zero() -> None:
    first = {k: v for k, v in FOUR[0].items() if not k.endswith("Index")}
    assert check(interfaces=[first, *FOUR[1:]]).nothing


@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_another_number_is_refused(number: int) -> None:
    said = check(interfaces=[interface(card) for card in range(number)]).only()
    assert said.startswith('LaunchTemplate "gpu": ')
    assert f"found {number} EFA interfaces; allowed: 4, the network cards of p4d.24xlarge" in said
    assert "fix: " in said


@pytest.mark.parametrize(
    "interfaces",
    [
        [interface(0, 0, "efa-only"), *FOUR[1:]],
        [interface(0, 1, "efa"), *FOUR[1:]],
        [FOUR[0], *(interface(card, card) for card in range(1, 4))],
        [FOUR[0], *(interface(card, 0) for card in range(1, 4))],
        [FOUR[0], interface(2), interface(3), interface(4)],
        [FOUR[0], FOUR[1], FOUR[1], FOUR[2]],
        [L3[0], interface(0, 1, "efa"), *L3[2:]],
    ],
)
def test_a_layout_that_ec2_does_not_start_is_refused(interfaces: list[Any]) -> None:
    (said,) = [r for r in check(interfaces=interfaces).refusals if "card 0 device 0 `efa` and" in r]
    assert "found card " in said


def test_a_subnet_is_refused() -> None:
    said = check(interfaces=[FOUR[0] | {"subnetId": "subnet-7"}, *FOUR[1:]]).only()
    assert "interface 0: found subnetId subnet-7; allowed: none" in said


@pytest.mark.parametrize("groups", [None, [], "sg-1", {}])
def test_groups_belong_on_every_interface(groups: object) -> None:
    said = check(interfaces=[*FOUR[:3], FOUR[3] | {"securityGroups": groups}]).only()
    assert "interface 3: found no securityGroups" in said


def test_groups_of_the_template_are_refused() -> None:
    assert "vpcSecurityGroupIds" in check(template={"vpcSecurityGroupIds": ["sg-1"]}).only()
    assert check(template={"vpcSecurityGroupIds": []}).nothing


def test_the_instance_type_may_be_the_templates() -> None:
    given = {"interfaces": FOUR[:2], "template": {"instanceType": "p4de.24xlarge"}}
    assert "of p4de.24xlarge" in check(**given, instance_types=()).only()


def test_several_types_are_each_compared() -> None:
    said = check(interfaces=FOUR[:1], instance_types=("p4d.24xlarge", "p4de.24xlarge"))
    assert len(said.refusals) == 2


def test_a_type_that_the_catalogue_lacks_is_said_to_be_unchecked() -> None:
    said = check(instance_types=("p5.48xlarge",))
    assert "p5.48xlarge is not in the catalogue" in said.unchecked[0]
    assert not said.refusals


def test_a_template_that_nobody_uses_is_said_to_be_unchecked() -> None:
    stack = Stack()
    said = check_stack(POLICY, [stack.template])
    assert "no node group of the stack uses it" in said.unchecked[0]


def test_the_node_group_is_found_by_id_or_name() -> None:
    assert (
        "4, the network cards"
        in check_stack(POLICY, Stack(interfaces=FOUR[:3]).without_dependencies).only()
    )
    by_name = Stack(interfaces=FOUR[:3], node_group={"launchTemplate": {"name": "gpu-3c4d"}})
    assert check_stack(POLICY, by_name.without_dependencies).refusals


@pytest.mark.parametrize(
    "interfaces", [[], None, "x", {}, [None, 7], [interface(0, 0, "interface")]]
)
def test_a_template_without_efa_is_none_of_its_business(interfaces: object) -> None:
    assert check(interfaces=interfaces).nothing


@pytest.mark.parametrize("kind", [{}, {"a": 1}, [], ["efa"], 7, True, "EFA", "interface"])
def test_a_type_of_another_kind_is_refused(kind: object) -> None:
    assert check(interfaces=[*FOUR[:3], FOUR[3] | {"interfaceType": kind}]).refusals


@pytest.mark.parametrize("index", ["one", -1, 1.5, True, [], 1000])
def test_an_index_that_is_none_is_said_to_be_unchecked(index: object) -> None:
    said = check(interfaces=[*FOUR[:3], FOUR[3] | {"deviceIndex": index}])
    assert "deviceIndex" in said.unchecked[0]


def test_it_reads_on_past_unknowns() -> None:
    said = check(
        interfaces=[
            FOUR[0] | {"subnetId": UNKNOWN, "securityGroups": []},
            FOUR[1] | {"interfaceType": UNKNOWN},
            UNKNOWN,
        ]
    )
    assert "no securityGroups" in said.refusals[0]
    assert len(said.unchecked) == 3


def test_an_unknown_instance_type_leaves_the_layout_checked() -> None:
    said = check(instance_types=(UNKNOWN,), interfaces=[interface(0, 0, "efa-only"), *FOUR[1:]])
    assert "`efa-only`" in said.refusals[0]
    assert "instanceTypes.0 can't be known" in said.unchecked[0]


def test_unknown_interfaces_are_said_to_be_unchecked() -> None:
    assert "networkInterfaces can't be known" in check(interfaces=UNKNOWN).unchecked[0]


def test_without_any_properties_it_says_so() -> None:
    said = check_stack(POLICY, [resource(LAUNCH_TEMPLATE, "gpu", {})])
    assert said.unchecked == ['LaunchTemplate "gpu": the engine gave none of its properties']
