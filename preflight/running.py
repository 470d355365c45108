"""P instances that run already: of this stack's cluster, or of somebody else."""

from __future__ import annotations

import re
from dataclasses import dataclass

from preflight.clients import Clients
from preflight.plan import Plan

IAM_ACTION = "ec2:DescribeInstances"
_IS_P = re.compile(r"p\d")


@dataclass(frozen=True, slots=True)
class RunningInstance:
    """`ours` is part of the stack's cluster; `on_demand` counts against the on-demand quota."""

    instance_type: str
    ours: bool
    on_demand: bool
    reservation_id: str | None


def p_instances(plan: Plan, aws: Clients) -> list[RunningInstance]:
    """Every P instance of the region that runs or starts."""
    pages = aws.ec2.get_paginator("describe_instances").paginate(
        Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    )
    instances = (
        instance
        for page in pages
        for launch in page["Reservations"]
        for instance in launch["Instances"]
        if _IS_P.match(instance["InstanceType"])
    )
    return [
        RunningInstance(
            instance["InstanceType"],
            ours={"Key": "eks:cluster-name", "Value": plan.name} in instance.get("Tags", []),
            on_demand=instance.get("InstanceLifecycle") is None,
            reservation_id=instance.get("CapacityReservationId"),
        )
        for instance in instances
    ]
