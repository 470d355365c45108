import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pulumi_policy import PolicyProviderResource, PolicyResource

from policies import stack_config
from policies.aws.node_groups import LAUNCH_TEMPLATE, NODE_GROUP
from policies.cost.within_budget import POLICY
from preflight.stack_cost import stack_cost
from stacks import reading
from tests.policies.engine_input import UNKNOWN, Said, check_stack, proxied, resource

CLUSTER = "aws:eks/cluster:Cluster"
GATEWAY = "aws:ec2/natGateway:NatGateway"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
INSTANCE = "aws:ec2/instance:Instance"
RESERVATION = "aws:ec2/capacityReservation:CapacityReservation"
P4D = 21.957642


@pytest.fixture(autouse=True)
def _no_stack() -> Iterator[None]:
    stack_config.use({})
    yield
    stack_config.use({})


def aws(
    kind: str,
    props: Mapping[str, Any],
    of: Mapping[str, list[PolicyResource]] | None = None,
    region: Any = "us-east-1",
) -> PolicyResource:
    made = resource(kind, "gpu", {"name": "moe", **props}, of)
    made.provider = PolicyProviderResource(
        "pulumi:providers:aws", proxied({"region": region}), "urn:aws", "aws"
    )
    return made


def nodes(
    desired: Any = 1, largest: Any = 2, template: PolicyResource | None = None, **props: Any
) -> PolicyResource:
    given = {
        "instanceTypes": ["p4d.24xlarge"],
        "scalingConfig": {"minSize": 0, "desiredSize": desired, "maxSize": largest},
        "launchTemplate": {"id": UNKNOWN},
        **props,
    }
    return aws(NODE_GROUP, given, {"launchTemplate": [template] if template else []})


def check(usd: Any, *resources: PolicyResource, **budget: Any) -> Said:
    section = {"usd_per_hour": usd, **budget}
    stack_config.use({"moe-serving:budget": json.dumps(section)})
    return check_stack(POLICY, resources)


def test_without_a_budget_it_is_silent() -> None:
    assert check_stack(POLICY, [nodes(largest=UNKNOWN)]).nothing


def test_the_largest_number_of_nodes_counts() -> None:
    assert check(44, nodes()).nothing
    said = check(43.9, nodes()).only()
    assert said.startswith("the stack: found 43.92 USD an hour at max_nodes, of which 43.92 for")
    assert "2 p4d.24xlarge" in said
    assert "allowed: 43.90 at prices of 20" in said


def test_or_the_first_one_where_the_stack_says_so() -> None:
    assert check(22, nodes(), at="desired_nodes").nothing
    assert "21.96 USD an hour at desired_nodes" in check(21, nodes(), at="desired_nodes").only()


def test_the_teams_budget_is_that_of_a_stack_without_one() -> None:
    assert check_stack(POLICY, [nodes()], {"usdPerHour": 44}).nothing
    assert check_stack(POLICY, [nodes()], {"usdPerHour": 43}).refusals
    stack_config.use({"moe-serving:budget": '{"usd_per_hour": 50}'})
    assert check_stack(POLICY, [nodes()], {"usdPerHour": 43}).nothing


def test_everything_that_runs_by_the_hour_is_counted() -> None:
    around = [
        aws(CLUSTER, {}),
        aws(GATEWAY, {}),
        aws(ENDPOINT, {"vpcEndpointType": "Interface", "subnetIds": [UNKNOWN, UNKNOWN]}),
        aws(ENDPOINT, {"vpcEndpointType": "Gateway"}),
        aws(ENDPOINT, {}),
        aws(INSTANCE, {"instanceType": "m6i.xlarge"}),
        aws("aws:s3/bucket:Bucket", {}),
    ]
    said = check(0.1, *around).only()
    assert f"found {0.10 + 0.045 + 2 * 0.01 + 0.192:.2f} USD" in said
    assert "1 m6i.xlarge" in said


@pytest.mark.parametrize("stack", ["dev", "prod", "staging"])
def test_stacks_keep_their_budgets_at_todays_prices(stack: str) -> None:
    settings = reading.from_file(stack)
    usd_per_hour = stack_cost(settings)["max_nodes"].usd_per_hour
    assert settings.budget is not None
    assert usd_per_hour is not None
    # A system node more than its settings count may start while they are updated.
    assert usd_per_hour + 0.2 < settings.budget.usd_per_hour < 1.2 * usd_per_hour


def test_the_dearest_of_several_types_counts() -> None:
    several = nodes(instanceTypes=["m6i.xlarge", "p4d.24xlarge"])
    assert "2 p4d.24xlarge" in check(1, several).only()


def test_a_reservation_is_paid_for_whether_it_is_used_or_not() -> None:
    target = {"capacityReservationTarget": {"capacityReservationId": "cr-1"}}
    template = aws(LAUNCH_TEMPLATE, {"id": UNKNOWN, "capacityReservationSpecification": target})
    used = nodes(desired=1, largest=4, template=template)
    assert "87.83 USD" in check(80, template, used, at="desired_nodes").only()
    reserved = aws(RESERVATION, {"instanceType": "p4d.24xlarge", "instanceCount": 6})
    assert "131.75 USD" in check(80, reserved).only()
    in_it = aws(
        LAUNCH_TEMPLATE,
        {"id": UNKNOWN, "capacityReservationSpecification": target},
        {"capacityReservationSpecification": [reserved]},
    )
    said = check(80, reserved, in_it, nodes(largest=4, template=in_it)).only()
    assert "131.75 USD" in said
    assert "6 p4d.24xlarge" in said


def test_a_capacity_block_is_paid_for_when_it_is_bought() -> None:
    assert check(1, nodes(capacityType="CAPACITY_BLOCK")).nothing


@pytest.mark.parametrize(
    ("member", "why"),
    [
        (nodes(largest=UNKNOWN), "can't be known"),
        (nodes(largest="many"), "scalingConfig.maxSize many is no number"),
        (nodes(largest=None), "scalingConfig.maxSize nothing is no number"),
        (nodes(instanceTypes=UNKNOWN), "can't be known"),
        (nodes(instanceTypes=[]), "which instance types it starts"),
        (nodes(instanceTypes=["p5.48xlarge"]), "what p5.48xlarge costs: no price"),
        (nodes(capacityType="SPOT"), "what p4d.24xlarge of spot costs"),
        (aws(CLUSTER, {}, region=UNKNOWN), "can't be known"),
        (aws(CLUSTER, {}, region="mars-1"), "what EKS control plane costs: no price"),
        (resource(CLUSTER, "moe", {"name": "moe"}), "region of it and of its provider is nothing"),
        (aws(ENDPOINT, {"vpcEndpointType": "GatewayLoadBalancer"}), "GatewayLoadBalancer endpoint"),
        (aws("aws:autoscaling/group:Group", {}), "what Group costs"),
        (aws("aws:ec2/capacityBlockReservation:CapacityBlockReservation", {}), "costs: no price"),
    ],
)
def test_what_cannot_be_counted_is_said(member: PolicyResource, why: str) -> None:
    said = check(1000, member)
    assert not said.refusals
    (note,) = said.unchecked
    assert member.name in note
    assert why in note
    beside_it = check(20, member, nodes())
    assert len(beside_it.refusals) == len(beside_it.unchecked) == 1


def test_a_region_of_its_own_comes_first() -> None:
    assert check(0.01, aws(CLUSTER, {"region": "us-gov-west-1"})).unchecked
    assert check(0.01, aws(CLUSTER, {"region": "eu-west-1"}, region=UNKNOWN)).refusals


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ({"usd_per_hour": 0}, "budget.usd_per_hour 0"),
        ({"usd_per_hour": "many"}, "budget.usd_per_hour many"),
        ({"usd_per_hour": 1, "at": "min_nodes"}, "budget.at min_nodes"),
        ({}, "budget.usd_per_hour"),
        ([], "budget"),
        ("none", "budget none"),
    ],
)
def test_a_budget_that_is_none_is_refused(section: object, key: str) -> None:
    stack_config.use({"moe-serving:budget": json.dumps(section)})
    assert f"found {key}" in check_stack(POLICY, [nodes()]).only()
