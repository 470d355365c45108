"""Whether the reserved capacity is there, is of the right kind, and is enough.

EC2 answers a launch that does not fit with InsufficientInstanceCapacity, which EKS shows as a
node group that is created for an hour and then fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from preflight import running
from preflight.check import Check
from preflight.clients import Clients
from preflight.finding import Finding, Verdict, fail, ok, warn
from preflight.plan import Plan
from stacks.settings.gpu_node_group import CapacityBlock, ExistingPlacementGroup, OnDemand

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import CapacityReservationTypeDef

TITLE = "reservation"
_ENDS_SOON = timedelta(days=7)
_MISSING = ("InvalidCapacityReservationId.NotFound", "NotFoundException")
_PLATFORM = "Linux/UNIX"


def _look(plan: Plan, aws: Clients) -> Iterator[Finding]:
    capacity = plan.gpu_nodes.capacity
    if isinstance(capacity, OnDemand):
        return
    # Settings allow exactly one of them.
    target = str(capacity.reservation_id or getattr(capacity, "resource_group_arn", None))
    ids: list[str] = []
    try:
        ids = _ids(target, aws)
        if not ids:
            yield fail(
                TITLE,
                f"no reservation in {target}",
                "put reservations into the group: `aws resource-groups group-resources`",
            )
            return
        answer = aws.ec2.describe_capacity_reservations(CapacityReservationIds=ids)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _MISSING:
            raise
        yield fail(
            TITLE,
            f"no {' or no '.join(ids) or target} in {plan.region}",
            "correct gpu_node_group.capacity, or let the owner share it with this account",
        )
        return
    usable = []
    for reservation in answer["CapacityReservations"]:
        found = list(_fits(plan, reservation))
        yield from found
        if all(each.verdict is not Verdict.FAIL for each in found):
            usable.append(reservation)
    if usable:
        yield _enough(plan, aws, usable)


def _ids(target: str, aws: Clients) -> list[str]:
    """The one reservation, or those that are in the resource group."""
    if not target.startswith("arn:"):
        return [target]
    pages = aws.resource_groups.get_paginator("list_group_resources").paginate(Group=target)
    members = (each.get("Identifier", {}) for page in pages for each in page.get("Resources", []))
    return [
        member["ResourceArn"].rsplit("/", 1)[-1]
        for member in members
        if member.get("ResourceType") == "AWS::EC2::CapacityReservation"
    ]


def _fits(plan: Plan, reservation: CapacityReservationTypeDef) -> Iterator[Finding]:
    """Everything but the numbers."""
    yield from _is_what_was_meant(plan, reservation)
    yield from _state(reservation)
    yield from _end(reservation)
    yield from _placement(plan, reservation)


def _is_what_was_meant(plan: Plan, reservation: CapacityReservationTypeDef) -> Iterator[Finding]:
    name = reservation["CapacityReservationId"]
    is_block = reservation.get("ReservationType") == "capacity-block"
    if is_block != isinstance(plan.gpu_nodes.capacity, CapacityBlock):
        kind = "capacity_block" if is_block else "reservation"
        yield fail(
            TITLE,
            f"{name} is a {kind}, not a {plan.gpu_nodes.capacity.kind}",
            f"set gpu_node_group.capacity.kind to {kind}",
        )
    for key, real, wanted in (
        ("gpu_node_group.zone", reservation.get("AvailabilityZone"), plan.gpu_nodes.zone),
        (
            "gpu_node_group.instance_type",
            reservation.get("InstanceType"),
            plan.gpu_nodes.instance_type,
        ),
    ):
        if real != wanted:
            yield fail(TITLE, f"{name} is of {real}, not {wanted}", f"set {key} to {real}")
    if (platform := reservation.get("InstancePlatform")) != _PLATFORM:
        yield fail(TITLE, f"{name} is for {platform}", f"reserve for {_PLATFORM}")


def _state(reservation: CapacityReservationTypeDef) -> Iterator[Finding]:
    name, state = reservation["CapacityReservationId"], reservation.get("State")
    if state == "scheduled":
        yield warn(
            TITLE,
            f"{name} starts on {_shown(reservation.get('StartDate'))}",
            "set min_nodes and desired_nodes to 0 until then: no node starts before",
        )
    elif state != "active":
        yield fail(TITLE, f"{name} is {state}", "name a reservation that is active")


def _end(reservation: CapacityReservationTypeDef) -> Iterator[Finding]:
    name, end = reservation["CapacityReservationId"], reservation.get("EndDate")
    if end is None or end - datetime.now(UTC) > _ENDS_SOON:
        return
    if reservation.get("ReservationType") == "capacity-block":
        after = "EKS drains its nodes 40 minutes before, EC2 ends them 30 minutes before"
    else:
        after = "its nodes go on at the on-demand price, and a node that ends may not come back"
    yield warn(
        TITLE, f"{name} ends on {_shown(end)}", f"extend it or reserve what comes next: {after}"
    )


def _placement(plan: Plan, reservation: CapacityReservationTypeDef) -> Iterator[Finding]:
    """Capacity in a placement group is for instances in that group, and no other capacity is.

    Left unsaid it shows as InsufficientInstanceCapacity beside idle reserved nodes
    (terraform-aws-eks#3730, eksctl#7949).
    """
    name = reservation["CapacityReservationId"]
    wanted = plan.gpu_nodes.placement()
    group = reservation.get("PlacementGroupArn", "").rpartition("/")[2]
    if group:
        if not isinstance(wanted, ExistingPlacementGroup) or wanted.name != group:
            yield fail(
                TITLE,
                f"{name} is in the placement group {group}, the nodes would not be",
                f"set gpu_node_group.placement_group to {{kind: existing, name: {group}}}",
            )
    elif wanted.kind != "none":
        yield fail(
            TITLE,
            f"{name} is in no placement group, the nodes would be",
            "set gpu_node_group.placement_group to {kind: none}",
        )


def _enough(
    plan: Plan, aws: Clients, reservations: Sequence[CapacityReservationTypeDef]
) -> Finding:
    """Our own nodes that run in it already are ours to count."""
    names = [each["CapacityReservationId"] for each in reservations]
    total = sum(each.get("TotalInstanceCount", 0) for each in reservations)
    free = sum(each.get("AvailableInstanceCount", 0) for each in reservations)
    ours = sum(
        each.ours and each.reservation_id in names for each in running.p_instances(plan, aws)
    )
    active = all(each.get("State") == "active" for each in reservations)
    have = free + ours if active else total
    least, most = plan.gpu_nodes.desired_nodes, plan.gpu_nodes.max_nodes
    found = f"{', '.join(names)}: {total} nodes, {free} free" + (f", {ours} ours" if ours else "")
    if have < least:
        return fail(
            TITLE,
            f"{found}; desired_nodes is {least}",
            f"reserve more, free {least - have} that others use, or lower desired_nodes",
        )
    if have < most:
        return warn(
            TITLE,
            f"{found}; max_nodes is {most}",
            f"reserve more, or set max_nodes to {have}: the nodes above never start",
        )
    if have - least < plan.extra_nodes_in_update:
        return warn(
            TITLE,
            f"{found}; none is left for the node that an update with create_first adds",
            "set gpu_node_group.update.strategy to terminate_first, or reserve one node more",
        )
    return ok(TITLE, found)


def _shown(moment: datetime | None) -> str:
    return "an unknown day" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


CHECK = Check(
    TITLE,
    (
        "ec2:DescribeCapacityReservations",
        running.IAM_ACTION,
        "resource-groups:ListGroupResources",
    ),
    _look,
)
