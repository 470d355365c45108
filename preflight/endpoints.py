"""What must be reached: the cluster from here, AWS from the nodes."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from catalog.vpc_endpoints import INTERFACE_ENDPOINTS
from preflight.check import Check
from preflight.clients import Clients
from preflight.finding import Finding, fail, ok, warn
from preflight.plan import Plan

TITLE = "endpoints"
_HTTPS = 443
_TIMEOUT_S = 5
_FROM_INSIDE = (
    "run Pulumi inside the VPC (or through a VPN), or put this machine's address into"
    " cluster.public_endpoint_cidrs"
)


def _look(plan: Plan, aws: Clients) -> Iterator[Finding]:
    yield _cluster(plan, aws)
    if plan.settings.network.nat_gateways == "none":
        yield from _of_the_vpc(plan, aws)


def _cluster(plan: Plan, aws: Clients) -> Finding:
    try:
        cluster = aws.eks.describe_cluster(name=plan.name)["cluster"]
    except aws.eks.exceptions.ResourceNotFoundException:
        return _planned(plan)
    url = cluster.get("endpoint")
    if not url:
        return warn(TITLE, f"{plan.name} is {cluster.get('status')}", "wait until it is ACTIVE")
    place = urlsplit(url)
    host, port = place.hostname or url, place.port or _HTTPS
    try:
        socket.create_connection((host, port), timeout=_TIMEOUT_S).close()
    except OSError as error:
        return fail(TITLE, f"{host}:{port} of {plan.name} cannot be reached: {error}", _FROM_INSIDE)
    return ok(TITLE, f"{host}:{port} of {plan.name} can be reached")


def _planned(plan: Plan) -> Finding:
    cidrs = plan.settings.cluster.public_endpoint_cidrs
    if cidrs:
        return ok(TITLE, f"not created yet; open to {', '.join(str(cidr) for cidr in cidrs)}")
    return warn(
        TITLE,
        "not created yet, and private then: `pulumi up` must reach it as soon as it is there",
        _FROM_INSIDE,
    )


def _of_the_vpc(plan: Plan, aws: Clients) -> Iterator[Finding]:
    """With no way to the internet, a node without these never joins."""
    vpcs = aws.ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [plan.name]}])["Vpcs"]
    if not vpcs:
        return
    pages = aws.ec2.get_paginator("describe_vpc_endpoints").paginate(
        Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"] for vpc in vpcs]}]
    )
    there = {
        endpoint["ServiceName"]
        for page in pages
        for endpoint in page["VpcEndpoints"]
        if endpoint["State"].lower() == "available"
    }
    wanted = ("s3", *INTERFACE_ENDPOINTS)
    missing = [each for each in wanted if f"com.amazonaws.{plan.region}.{each}" not in there]
    if missing:
        yield fail(
            TITLE,
            f"the VPC has no endpoint for {', '.join(missing)}, and no NAT gateway",
            "`pulumi up` makes them; one that stays pending has a cause in the VPC console",
        )
    else:
        yield ok(TITLE, f"the VPC has its {len(wanted)} endpoints for AWS")


CHECK = Check(TITLE, ("ec2:DescribeVpcEndpoints", "ec2:DescribeVpcs", "eks:DescribeCluster"), _look)
