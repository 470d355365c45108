"""Reserved capacity, and what EKS and EC2 make of a launch template for GPU nodes."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from tests.sandbox.test_aws_provider import (
    KEY_ARN,
    NODES,
    TEMPLATE,
    AbortedError,
    Engine,
    World,
    engine,
    environment,
    node_group_inputs,
    template_inputs,
    urn_of,
)
from tests.sandbox.test_aws_provider_nodes import FakeKube, gpu_inputs, kube
from tests.sandbox.test_aws_provider_round_trip import CASES, unchanged

__all__ = ["engine", "environment", "kube"]

RESERVATION = "aws:ec2/capacityReservation:CapacityReservation"
PLACEMENT = "aws:ec2/placementGroup:PlacementGroup"
_BLOCK = {"capacityReservationTarget": {"capacityReservationId": "cr-0123456789abcdef0"}}
_POOL = {
    "capacityReservationPreference": "capacity-reservations-only",
    "capacityReservationTarget": {
        "capacityReservationResourceGroupArn": (
            "arn:aws:resource-groups:us-east-1:123456789012:group/gpus"
        )
    },
}


@pytest.mark.parametrize(
    ("of_template", "of_group", "said"),
    [
        ({"instanceMarketOptions": None}, {}, "needs a launch template with .*MarketType"),
        ({"capacityReservationSpecification": None}, {}, "CapacityReservationId"),
        ({"capacityReservationSpecification": _POOL}, {}, "CapacityReservationId"),
        ({"instanceType": None}, {}, "needs a launch template with InstanceType"),
        (
            {"instanceType": None},
            {"instanceTypes": ["p5.48xlarge"]},
            "needs a launch template with InstanceType",
        ),
        ({}, {"launchTemplate": None}, "MarketType.*CapacityReservationId.*InstanceType"),
        ({}, {"capacityType": "ON_DEMAND"}, "InvalidParameterException: Instance market options"),
        ({}, {"capacityType": None}, "Instance market options are not supported"),
        (
            {},
            {"instanceTypes": ["p4d.24xlarge"]},
            "InvalidRequestException: Cannot specify instance types in launch template and API",
        ),
    ],
)
def test_capacity_that_eks_refuses(
    engine: Engine, of_template: dict[str, Any], of_group: dict[str, Any], said: str
) -> None:
    urn = urn_of(NODES)
    wanted = {**gpu_inputs(World(engine), **of_template), **of_group}
    inputs = engine.checked(urn, {k: v for k, v in wanted.items() if v is not None})
    with pytest.raises(AbortedError, match=f"CreateNodegroup: .*{said}"):
        engine.create(urn, inputs)


@pytest.mark.parametrize("specification", [_BLOCK, _POOL, None])
def test_reserved_on_demand_capacity_has_its_type_in_the_group(
    engine: Engine, kube: FakeKube, specification: Any
) -> None:
    urn = urn_of(NODES)
    inputs = {
        **gpu_inputs(
            World(engine),
            instanceType=None,
            instanceMarketOptions=None,
            capacityReservationSpecification=specification,
        ),
        "capacityType": "ON_DEMAND",
        "instanceTypes": ["p4de.24xlarge"],
    }
    engine.create(urn, engine.checked(urn, inputs))
    (node,) = kube.nodes.values()
    assert node["metadata"]["labels"]["node.kubernetes.io/instance-type"] == "p4de.24xlarge"


def test_without_a_type_anywhere_eks_takes_its_default(engine: Engine, kube: FakeKube) -> None:
    urn = urn_of(NODES)
    inputs = node_group_inputs(World(engine))
    del inputs["instanceTypes"]
    _, outputs = engine.create(urn, engine.checked(urn, inputs))
    assert outputs["instanceTypes"] == ["t3.medium"]
    (node,) = kube.nodes.values()
    assert node["metadata"]["labels"]["node.kubernetes.io/instance-type"] == "t3.medium"


def test_a_template_version_that_eks_refuses_changes_nothing(
    engine: Engine, kube: FakeKube
) -> None:
    world, urn = World(engine), urn_of(NODES)
    inputs = engine.checked(urn, gpu_inputs(world))
    identifier, outputs = engine.create(urn, inputs)
    template = urn_of(TEMPLATE, "gpu")
    old = engine.checked(template, template_inputs(world))
    new = {name: value for name, value in old.items() if name != "instanceMarketOptions"}
    engine.update(template, inputs["launchTemplate"]["id"], old, {}, new)
    changed = {**inputs, "launchTemplate": {**inputs["launchTemplate"], "version": "2"}}
    with pytest.raises(AbortedError, match="UpdateNodegroupVersion: .*MarketType"):
        engine.update(urn, identifier, inputs, outputs, changed)
    assert engine.read(urn, identifier, inputs, outputs)[1] == inputs


def test_a_launch_template_for_p5_nodes(engine: Engine) -> None:
    world, urn = World(engine), urn_of(TEMPLATE)
    base = template_inputs(world)
    first, second = base["networkInterfaces"][:2]
    disk = base["blockDeviceMappings"][0]
    inputs = engine.checked(
        urn,
        {
            **base,
            "instanceType": "p5.48xlarge",
            "networkInterfaces": [
                first,
                *({**second, "networkCardIndex": card} for card in range(1, 32)),
            ],
            "blockDeviceMappings": [{**disk, "ebs": {**disk["ebs"], "kmsKeyId": KEY_ARN}}],
            "disableApiTermination": True,
            "capacityReservationSpecification": _POOL,
        },
    )
    identifier, outputs = engine.create(urn, inputs)
    assert len(outputs["networkInterfaces"]) == 32
    assert outputs["blockDeviceMappings"][0]["ebs"]["kmsKeyId"] == KEY_ARN
    assert outputs["disableApiTermination"] is True
    assert outputs["capacityReservationSpecification"] == _POOL
    unchanged(engine, urn, identifier, inputs, outputs)
    new = engine.checked(urn, {**base, "disableApiTermination": False}, inputs)
    outputs = engine.update(urn, identifier, inputs, outputs, new)
    assert outputs["latestVersion"] == 2
    assert outputs["capacityReservationSpecification"] == _BLOCK
    unchanged(engine, urn, identifier, new, outputs)


@pytest.mark.parametrize(
    ("inputs", "path", "said"),
    [
        (
            {"instanceMarketOptions": {"marketType": "capacity_block"}},
            "instanceMarketOptions.marketType",
            "capacity-block",
        ),
        (
            {"capacityReservationSpecification": {"capacityReservationPreference": "only"}},
            "capacityReservationSpecification.capacityReservationPreference",
            "capacity-reservations-only",
        ),
    ],
)
def test_template_values_that_ec2_does_not_list(
    engine: Engine, inputs: dict[str, Any], path: str, said: str
) -> None:
    assert said in engine.check(urn_of(TEMPLATE), inputs)[1][path]


def test_what_replaces_a_reservation(engine: Engine) -> None:
    urn = urn_of(RESERVATION)
    old = engine.checked(urn, CASES[RESERVATION][0](World(engine)))
    for change, replaces in (
        ({"instanceCount": 4}, []),
        ({"endDateType": "limited"}, []),
        ({"tags": {}}, []),
        ({"instanceType": "p5.48xlarge"}, ["instanceType"]),
        ({"availabilityZone": "us-east-1b"}, ["availabilityZone"]),
        ({"instanceMatchCriteria": "open"}, ["instanceMatchCriteria"]),
        ({"placementGroupArn": "arn:aws:ec2:x:1:placement-group/a"}, ["placementGroupArn"]),
    ):
        difference = engine.diff(urn, "cr-1", old, {}, {**old, **change})
        assert list(difference.replaces) == replaces, change
        assert list(difference.diffs) == list(change)


def test_a_reservation_without_an_end_again(engine: Engine) -> None:
    urn = urn_of(RESERVATION)
    plain = engine.checked(urn, CASES[RESERVATION][0](World(engine)))
    ending = {**plain, "endDateType": "limited", "endDate": "2027-01-01T00:00:00Z"}
    identifier, outputs = engine.create(urn, ending)
    assert outputs["endDate"] == "2027-01-01T00:00:00Z"
    outputs = engine.update(urn, identifier, ending, outputs, plain)
    assert outputs["endDateType"] == "unlimited"
    assert "endDate" not in outputs
    unchanged(engine, urn, identifier, plain, outputs)


def test_a_cancelled_reservation_is_gone(engine: Engine, environment: dict[str, str]) -> None:
    urn = urn_of(RESERVATION)
    inputs = engine.checked(urn, CASES[RESERVATION][0](World(engine)))
    identifier, outputs = engine.create(urn, inputs)
    ec2_of(environment).cancel_capacity_reservation(CapacityReservationId=identifier)
    assert engine.read(urn, identifier, inputs, outputs)[0] == ""


def test_placement_groups_are_at_ec2(engine: Engine, environment: dict[str, str]) -> None:
    urn = urn_of(PLACEMENT)
    inputs = engine.checked(urn, {"name": "packed", "strategy": "cluster", "tags": {"a": "b"}})
    _, outputs = engine.create(urn, inputs)
    answer = ec2_of(environment).describe_placement_groups(GroupNames=["packed"])
    (group,) = answer["PlacementGroups"]
    assert group["GroupId"] == outputs["placementGroupId"]
    assert group["Tags"] == [{"Key": "a", "Value": "b"}]


def ec2_of(environment: dict[str, str]) -> Any:
    make: Any = boto3.client
    return make(
        "ec2",
        region_name="us-east-1",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id="AKIATEST",
        aws_secret_access_key="test",
    )
