"""Whether the subnet of the GPU nodes has the addresses for them, and is private."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from preflight import running
from preflight.check import Check
from preflight.clients import Clients
from preflight.finding import Finding, fail, ok, warn
from preflight.plan import Plan

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef, RouteTableTypeDef, SubnetTypeDef

TITLE = "subnets"
_SECONDARY_ADDRESSES = 49
"""That vpc-cni takes for pods with one interface of a p4d or p4de: 50 less its own."""
_RESERVED_ADDRESSES = 5
"""Of each subnet, by AWS."""


def _look(plan: Plan, aws: Clients) -> Iterator[Finding]:
    vpcs = aws.ec2.describe_vpcs(Filters=[_named(plan.name)])["Vpcs"]
    if not vpcs:
        private = plan.settings.network.eighths()[0]
        free = private.num_addresses - _RESERVED_ADDRESSES
        yield _addresses(
            plan, free, plan.gpu_nodes.max_nodes, f"not created yet; a /{private.prefixlen} a zone"
        )
        return
    vpc_ids = [vpc["VpcId"] for vpc in vpcs]
    subnets = aws.ec2.describe_subnets(
        Filters=[_named(plan.private_subnet_name), {"Name": "vpc-id", "Values": vpc_ids}]
    )["Subnets"]
    if len(subnets) != 1:
        yield warn(
            TITLE,
            f"{len(subnets)} subnets named {plan.private_subnet_name} in {', '.join(vpc_ids)}",
            "look at `pulumi preview`: it must create the missing one and delete no other",
        )
        return
    yield from _subnet(plan, aws, subnets[0])


def _subnet(plan: Plan, aws: Clients, subnet: SubnetTypeDef) -> Iterator[Finding]:
    name = subnet["SubnetId"]
    here = sum(each.ours for each in running.p_instances(plan, aws))
    to_come = max(0, plan.gpu_nodes.max_nodes - here)
    yield _addresses(plan, subnet["AvailableIpAddressCount"], to_come, name)
    open_ways = [
        *(["gives nodes public addresses"] if subnet["MapPublicIpOnLaunch"] else []),
        *(
            f"has a route to {route['GatewayId']}"
            for table in _route_tables(aws, subnet)
            for route in table.get("Routes", [])
            if route.get("GatewayId", "").startswith("igw-")
        ),
    ]
    if open_ways:
        yield fail(
            TITLE,
            f"{name} {' and '.join(open_ways)}",
            "undo it, `pulumi refresh` shows what was changed by hand: a node with several network"
            " cards gets no public address and would reach nothing",
        )
    else:
        yield ok(TITLE, f"{name} is private")


def _addresses(plan: Plan, free: int, nodes: int, what: str) -> Finding:
    """vpc-cni fills the first interface, and one more as soon as a pod runs."""
    own = sum(each.type != "efa-only" for each in plan.gpu_nodes.interfaces())
    least = nodes * (own + _SECONDARY_ADDRESSES)
    usual = least + nodes * (1 + _SECONDARY_ADDRESSES)
    found = f"{what}: {free} free addresses, {nodes} nodes take {least} to {usual}"
    if free < least:
        return fail(
            TITLE, found, "take a larger network.cidr_block (a new VPC), or lower max_nodes"
        )
    if free < usual:
        return warn(
            TITLE,
            found,
            "take a larger network.cidr_block before the VPC exists: pods may wait for addresses",
        )
    return ok(TITLE, found)


def _route_tables(aws: Clients, subnet: SubnetTypeDef) -> Sequence[RouteTableTypeDef]:
    """The subnet's own, or the main one of the VPC where it has none."""
    own = aws.ec2.describe_route_tables(
        Filters=[{"Name": "association.subnet-id", "Values": [subnet["SubnetId"]]}]
    )["RouteTables"]
    return (
        own
        or aws.ec2.describe_route_tables(
            Filters=[
                {"Name": "vpc-id", "Values": [subnet["VpcId"]]},
                {"Name": "association.main", "Values": ["true"]},
            ]
        )["RouteTables"]
    )


def _named(name: str) -> FilterTypeDef:
    return {"Name": "tag:Name", "Values": [name]}


CHECK = Check(
    TITLE,
    (
        running.IAM_ACTION,
        "ec2:DescribeRouteTables",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
    ),
    _look,
)
