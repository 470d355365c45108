from typing import Any

import pytest

from policies.network.efa_security_group import POLICY
from tests.policies.efa_stack import (
    CLUSTER_GROUP_ID,
    EFA_GROUP_ID,
    EGRESS,
    FOUR,
    INGRESS,
    OLD_RULE,
    SECURITY_GROUP,
    Stack,
)
from tests.policies.engine_input import UNKNOWN, Said, check_stack, resource


def check(**given: Any) -> Said:
    return check_stack(POLICY, Stack(**given).resources)


@pytest.mark.parametrize("created", [True, False])
def test_the_component_is_allowed(created: bool) -> None:
    assert check(created=created).nothing


def test_ids_that_were_written_by_hand_are_matched() -> None:
    assert check_stack(POLICY, Stack().without_dependencies).nothing
    stack = Stack(rules=[INGRESS])
    assert check_stack(POLICY, stack.without_dependencies).refusals


@pytest.mark.parametrize("created", [True, False])
@pytest.mark.parametrize(
    ("rules", "missing"), [([INGRESS], "egress"), ([EGRESS], "ingress"), ([], "ingress")]
)
def test_a_missing_direction_is_refused(created: bool, rules: list[str], missing: str) -> None:
    said = check(created=created, rules=rules)
    refusal = said.only()
    assert refusal.startswith('LaunchTemplate "gpu", interface 0, 1, 2, 3: found security group ')
    assert f'"gpu-efa" without self-referencing {missing}' in refusal
    assert "allowed: one with an ingress and an egress rule" in refusal
    assert "fix: add a SecurityGroupIngressRule" in refusal


@pytest.mark.parametrize("created", [True, False])
@pytest.mark.parametrize("protocol", ["tcp", "6", None, 7, UNKNOWN])
def test_one_protocol_is_not_enough(created: bool, protocol: object) -> None:
    assert check(created=created, rule={"ipProtocol": protocol}).refusals


def test_a_rule_to_everybody_is_not_enough() -> None:
    stack = Stack(rules=[INGRESS])
    props = {"ipProtocol": "-1", "securityGroupId": EFA_GROUP_ID, "cidrIpv4": "0.0.0.0/0"}
    anywhere = resource(EGRESS, "out", props, {"securityGroupId": [stack.group]})
    assert check_stack(POLICY, [*stack.resources, anywhere]).refusals


@pytest.mark.parametrize("created", [True, False])
def test_rules_of_another_group_do_not_count(created: bool) -> None:
    stack = Stack(created=created)
    other = resource(SECURITY_GROUP, "other", {"id": "sg-other" if created else UNKNOWN})
    for rule in stack.rules:
        rule.property_dependencies = {
            "securityGroupId": [stack.group],
            "referencedSecurityGroupId": [other],
        }
        rule.props = resource(
            rule.resource_type, "x", {"ipProtocol": "-1", "securityGroupId": EFA_GROUP_ID}
        ).props
    assert check_stack(POLICY, [*stack.resources, other]).refusals


def test_rules_inside_the_group_count() -> None:
    rule = [{"protocol": "-1", "self": True, "fromPort": 0, "toPort": 0}]
    assert check(rules=[], group={"ingress": rule, "egress": rule}).nothing
    assert check(rules=[], group={"ingress": rule, "egress": [UNKNOWN]}).refusals
    everybody = [{"protocol": "-1", "cidrBlocks": ["0.0.0.0/0"], "self": False}]
    assert check(rules=[], group={"ingress": rule, "egress": everybody}).refusals


@pytest.mark.parametrize("rules", [None, {}, "x", [None, 7, {}], [{"protocol": {}, "self": []}]])
def test_odd_rules_inside_the_group_do_not_count(rules: object) -> None:
    assert check(rules=[], group={"ingress": rules, "egress": rules}).refusals


@pytest.mark.parametrize("target", [{"self": True}, {"sourceSecurityGroupId": EFA_GROUP_ID}])
def test_rules_of_the_old_type_count(target: dict[str, Any]) -> None:
    stack = Stack(rules=[])
    rules = [
        resource(
            OLD_RULE,
            direction,
            {"type": direction, "protocol": "all", "securityGroupId": EFA_GROUP_ID, **target},
        )
        for direction in ("ingress", "egress")
    ]
    assert check_stack(POLICY, [*stack.resources, *rules]).nothing
    assert check_stack(POLICY, [*stack.resources, *rules[:1]]).refusals


def test_an_interface_with_the_clusters_group_alone_is_refused() -> None:
    interfaces = [*FOUR[:3], FOUR[3] | {"securityGroups": [CLUSTER_GROUP_ID]}]
    said = check(interfaces=interfaces).only()
    assert "interface 3: found security group of the cluster alone" in said


def test_a_group_of_another_stack_is_said_to_be_unchecked() -> None:
    said = check(rules=[], interfaces=[FOUR[0] | {"securityGroups": ["sg-far"]}])
    assert not said.refusals
    assert "rules of sg-far" in said.unchecked[0]


def test_groups_that_some_other_resource_computes_are_said_to_be_unchecked() -> None:
    stack = Stack(created=False)
    source = resource("command:local:Command", "lookup", {})
    stack.template.property_dependencies = {"networkInterfaces": [stack.cluster, source]}
    said = check_stack(POLICY, [*stack.resources, source])
    assert not said.refusals
    assert 'Command "lookup"' in said.unchecked[0]


@pytest.mark.parametrize("groups", [UNKNOWN, [UNKNOWN], [CLUSTER_GROUP_ID, UNKNOWN]])
def test_unknown_groups_are_those_that_the_template_depends_on(groups: object) -> None:
    interfaces = [FOUR[0] | {"securityGroups": groups}]
    assert check(group={"id": UNKNOWN}, interfaces=interfaces).nothing
    assert check(group={"id": UNKNOWN}, interfaces=interfaces, rules=[EGRESS]).refusals


def test_an_id_that_the_outputs_lack_is_matched_by_dependency() -> None:
    assert check(group={"id": None}).nothing
    assert check(group={"id": None}, rules=[EGRESS]).refusals


def test_interfaces_that_differ_are_told_apart() -> None:
    far = FOUR[2] | {"securityGroups": [CLUSTER_GROUP_ID, "sg-far"]}
    said = check(rules=[], interfaces=[FOUR[0], FOUR[1] | {"securityGroups": []}, far, FOUR[3]])
    assert 'LaunchTemplate "gpu", interface 0, 3: found' in said.refusals[0]
    assert said.unchecked[0].startswith('LaunchTemplate "gpu", interface 2: rules of sg-far, ')


def test_interfaces_that_are_not_known_are_said_to_be_unchecked() -> None:
    assert check(interfaces=UNKNOWN).unchecked


@pytest.mark.parametrize("groups", [None, [], "sg-1", {}])
def test_no_groups_are_for_another_policy(groups: object) -> None:
    assert check(interfaces=[FOUR[0] | {"securityGroups": groups}]).nothing
