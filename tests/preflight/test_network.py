"""Subnets, and what must be reached."""

import socket
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.eks.models import eks_backends

from catalog.vpc_endpoints import INTERFACE_ENDPOINTS
from preflight import endpoints, subnets
from preflight.finding import Finding, Verdict
from preflight.plan import Plan
from tests.preflight.conftest import ACCOUNT, REGION, ZONE, plan, row_of, rows_of


def _name(resource_type: str, name: str) -> list[dict[str, Any]]:
    return [{"ResourceType": resource_type, "Tags": [{"Key": "Name", "Value": name}]}]


@pytest.fixture
def vpc_id(ec2: Any) -> str:
    """The VPC of stack `local`, still empty."""
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16", TagSpecifications=_name("vpc", "moe-local"))
    return str(vpc["Vpc"]["VpcId"])


def _subnet(ec2: Any, vpc_id: str, cidr_block: str = "10.20.0.0/19") -> str:
    subnet = ec2.create_subnet(
        VpcId=vpc_id,
        CidrBlock=cidr_block,
        AvailabilityZone=ZONE,
        TagSpecifications=_name("subnet", f"moe-local-private-{ZONE}"),
    )["Subnet"]
    return str(subnet["SubnetId"])


def _subnets(of: Plan) -> list[Finding]:
    return rows_of(subnets.CHECK, of)


# --- subnets


@pytest.mark.parametrize(("max_nodes", "verdict"), [(5, "ok"), (8, "warn"), (12, "fail")])
def test_a_small_vpc_that_is_not_there_yet(max_nodes: int, verdict: str) -> None:
    small = plan(network={"cidr_block": "10.20.0.0/20"}, gpu_node_group={"max_nodes": max_nodes})
    found = row_of(subnets.CHECK, small)
    assert found.verdict == verdict
    assert found.found.startswith("not created yet; a /23 a zone: 507 free addresses")


def test_a_private_subnet_with_room(ec2: Any, vpc_id: str) -> None:
    subnet = _subnet(ec2, vpc_id)
    addresses, private = _subnets(plan())
    assert addresses.verdict is Verdict.OK
    assert addresses.found == f"{subnet}: 8187 free addresses, 2 nodes take 100 to 200"
    assert private.found == f"{subnet} is private"


def test_a_subnet_that_others_have_filled(ec2: Any, vpc_id: str) -> None:
    _subnet(ec2, vpc_id, "10.20.0.0/26")
    assert _subnets(plan())[0].verdict is Verdict.FAIL


def test_a_vpc_without_the_subnet(vpc_id: str) -> None:
    found = row_of(subnets.CHECK, plan())
    assert found.verdict is Verdict.WARN
    assert found.found == f"0 subnets named moe-local-private-us-east-1a in {vpc_id}"


def test_a_subnet_that_gives_public_addresses(ec2: Any, vpc_id: str) -> None:
    subnet = _subnet(ec2, vpc_id)
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    found = row_of(subnets.CHECK, plan())
    assert found.verdict is Verdict.FAIL
    assert found.found == f"{subnet} gives nodes public addresses"


@pytest.mark.parametrize("own_table", [True, False], ids=["own route table", "main route table"])
def test_a_subnet_with_a_route_to_the_internet(ec2: Any, vpc_id: str, own_table: bool) -> None:
    subnet = _subnet(ec2, vpc_id)
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc_id)
    if own_table:
        table = ec2.create_route_table(VpcId=vpc_id)["RouteTable"]["RouteTableId"]
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    else:
        (main,) = ec2.describe_route_tables(
            Filters=[
                {"Name": "vpc-id", "Values": [vpc_id]},
                {"Name": "association.main", "Values": ["true"]},
            ]
        )["RouteTables"]
        table = main["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    found = row_of(subnets.CHECK, plan())
    assert found.verdict is Verdict.FAIL
    assert found.found == f"{subnet} has a route to {gateway}"


# --- endpoints


def test_a_cluster_that_will_be_private() -> None:
    found = row_of(endpoints.CHECK, plan(cluster={"public_endpoint_cidrs": []}))
    assert found.verdict is Verdict.WARN
    assert "cluster.public_endpoint_cidrs" in found.advice


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def _cluster_at(ec2: Any, endpoint: str) -> None:
    subnets = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"][:2]]
    boto3.client("eks").create_cluster(
        name="moe-local",
        roleArn="arn:aws:iam::123456789012:role/moe-local",
        resourcesVpcConfig={"subnetIds": subnets},
    )
    eks_backends[ACCOUNT][REGION].clusters["moe-local"].endpoint = endpoint


def test_a_cluster_that_can_be_reached(ec2: Any, listener: socket.socket) -> None:
    place = f"127.0.0.1:{listener.getsockname()[1]}"
    _cluster_at(ec2, f"https://{place}")
    found = row_of(endpoints.CHECK, plan())
    assert found.verdict is Verdict.OK
    assert found.found == f"{place} of moe-local can be reached"


def test_a_cluster_that_cannot_be_reached(ec2: Any, listener: socket.socket) -> None:
    place = f"127.0.0.1:{listener.getsockname()[1]}"
    listener.close()
    _cluster_at(ec2, f"https://{place}")
    found = row_of(endpoints.CHECK, plan())
    assert found.verdict is Verdict.FAIL
    assert "inside the VPC" in found.advice


def test_a_cluster_that_has_no_address_yet(ec2: Any) -> None:
    _cluster_at(ec2, "")
    found = row_of(endpoints.CHECK, plan())
    assert found.verdict is Verdict.WARN
    assert found.found == "moe-local is ACTIVE"


def _without_nat() -> Plan:
    registry = f"123456789012.dkr.ecr.{REGION}.amazonaws.com"
    return plan(
        network={"nat_gateways": "none"},
        charts={"image_registry": registry},
        model_server={"image": f"{registry}/vllm-openai@sha256:{'3' * 64}", "replicas": 0},
        model_weights={"kind": "s3"},
    )


def test_no_nat_gateway_and_no_vpc_yet() -> None:
    assert row_of(endpoints.CHECK, _without_nat()).found.startswith("not created yet")


def test_no_nat_gateway_and_an_endpoint_missing(ec2: Any, vpc_id: str) -> None:
    for service in ("s3", *INTERFACE_ENDPOINTS[1:]):
        ec2.create_vpc_endpoint(
            VpcId=vpc_id,
            ServiceName=f"com.amazonaws.{REGION}.{service}",
            VpcEndpointType="Gateway" if service == "s3" else "Interface",
        )
    found = row_of(endpoints.CHECK, _without_nat())
    assert found.verdict is Verdict.FAIL
    assert f"no endpoint for {INTERFACE_ENDPOINTS[0]}," in found.found
    ec2.create_vpc_endpoint(
        VpcId=vpc_id,
        ServiceName=f"com.amazonaws.{REGION}.{INTERFACE_ENDPOINTS[0]}",
        VpcEndpointType="Interface",
    )
    _, complete = rows_of(endpoints.CHECK, _without_nat())
    assert complete.verdict is Verdict.OK
