from typing import Any

import pytest

from policies.network.placement_group_zone import POLICY
from tests.policies.efa_stack import Stack
from tests.policies.engine_input import UNKNOWN, Said, check_stack

PLAIN = [{"networkCardIndex": 0, "deviceIndex": 0, "interfaceType": "interface"}]
TWO = ("subnet-1", "subnet-2")


def check(**changed: Any) -> Said:
    stack = Stack(**{"interfaces": PLAIN, "subnets": TWO, **changed})
    return check_stack(POLICY, stack.resources)


@pytest.mark.parametrize("created", [True, False])
def test_several_subnets_are_refused(created: bool) -> None:
    said = check(created=created).only()
    assert said.startswith('NodeGroup "gpu": found 2 subnets with cluster placement group "gpu"')
    assert "allowed: exactly one" in said


def test_unknown_ids_are_counted() -> None:
    assert check(subnets=(UNKNOWN, UNKNOWN)).refusals
    assert check(subnets=(UNKNOWN,)).nothing


def test_one_subnet_or_no_group_is_allowed() -> None:
    assert check(subnets=("subnet-1",)).nothing
    assert check(template={"placement": None}).nothing


@pytest.mark.parametrize("strategy", ["spread", "partition"])
def test_other_strategies_span_zones(strategy: str) -> None:
    assert check(strategy=strategy).nothing


def test_with_efa_another_policy_says_it() -> None:
    stack = Stack(subnets=TWO)
    assert check_stack(POLICY, stack.resources).nothing


@pytest.mark.parametrize(
    "changed",
    [
        {"strategy": UNKNOWN},
        {"subnets": UNKNOWN},
        {"template": {"placement": {"groupName": "elsewhere"}}},
        {"template": {"placement": UNKNOWN}},
    ],
)
def test_what_is_not_known_is_said(changed: dict[str, Any]) -> None:
    said = check(**changed)
    assert not said.refusals
    assert len(said.unchecked) == 1
