"""Which zones have the instance types."""

from collections import defaultdict
from collections.abc import Iterator

from preflight.check import Check
from preflight.clients import Clients
from preflight.finding import Finding, fail, ok
from preflight.plan import Plan

TITLE = "offering"


def _look(plan: Plan, aws: Clients) -> Iterator[Finding]:
    gpu_type = plan.gpu_nodes.instance_type
    system_type = plan.settings.cluster.system_instance_type
    zones: dict[str, set[str]] = defaultdict(set)
    for page in aws.ec2.get_paginator("describe_instance_type_offerings").paginate(
        LocationType="availability-zone",
        Filters=[{"Name": "instance-type", "Values": [gpu_type, system_type]}],
    ):
        for offering in page["InstanceTypeOfferings"]:
            zones[offering["InstanceType"]].add(offering["Location"])
    yield _gpu_nodes(plan, gpu_type, zones[gpu_type])
    yield _system_nodes(plan, system_type, zones[system_type])


def _gpu_nodes(plan: Plan, instance_type: str, offered: set[str]) -> Finding:
    zone = plan.gpu_nodes.zone
    if zone in offered:
        return ok(TITLE, f"{zone} has {instance_type}")
    if not offered:
        return fail(
            TITLE,
            f"no zone of {plan.region} has {instance_type}",
            "take another aws.region or gpu_node_group.instance_type",
        )
    own = [each for each in plan.settings.network.zones if each in offered]
    others = sorted(offered - set(own))
    advice = f"set gpu_node_group.zone to {' or '.join(own)}" if own else ""
    if others:
        advice += f"{'; ' if own else ''}with network.zones changed too: {', '.join(others)}"
    return fail(TITLE, f"{zone} has no {instance_type}", advice)


def _system_nodes(plan: Plan, instance_type: str, offered: set[str]) -> Finding:
    zones = plan.settings.network.zones
    missing = [zone for zone in zones if zone not in offered]
    if not missing:
        return ok(TITLE, f"{', '.join(zones)} have {instance_type}")
    return fail(
        TITLE,
        f"{', '.join(missing)} without {instance_type}",
        "take another cluster.system_instance_type, or leave these network.zones out",
    )


CHECK = Check(TITLE, ("ec2:DescribeInstanceTypeOfferings",), _look)
