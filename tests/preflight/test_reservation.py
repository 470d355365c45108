"""Reserved capacity, and the placement group that it may be in."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto.ec2.models import ec2_backends

from preflight import placement_group, reservation, running
from preflight.clients import Clients
from preflight.finding import Finding, Verdict
from preflight.plan import Plan
from preflight.running import RunningInstance
from sandbox.aws_server.additions import seed_capacity_reservation
from tests.preflight.conftest import ACCOUNT, REGION, ZONE, plan, row_of, rows_of

GROUP_ARN = "arn:aws:ec2:us-east-1:123456789012:placement-group/close"


def _seeded(**members: Any) -> str:
    """A reservation that stack `local` would fit into, with these members changed."""
    fitting = {
        "instance_type": "p4d.24xlarge",
        "availability_zone": ZONE,
        "total_instance_count": 3,
    }
    return seed_capacity_reservation(REGION, **{**fitting, **members})


def _plan(reservation_id: str, kind: str = "reservation", **gpu_node_group: Any) -> Plan:
    capacity = {"kind": kind, "reservation_id": reservation_id}
    return plan(gpu_node_group={"capacity": capacity, **gpu_node_group})


def _judged(kind: str = "reservation", **members: Any) -> Finding:
    return row_of(reservation.CHECK, _plan(_seeded(**members), kind))


def test_one_that_fits() -> None:
    found = _judged()
    assert found.verdict is Verdict.OK
    assert found.found.endswith(": 3 nodes, 3 free")


def test_one_that_does_not_exist() -> None:
    found = row_of(reservation.CHECK, _plan(f"cr-{'0' * 17}"))
    assert found.verdict is Verdict.FAIL
    assert found.found == "no cr-00000000000000000 in us-east-1"


@pytest.mark.parametrize(
    ("members", "says", "advice"),
    [
        ({"state": "cancelled"}, "is cancelled", "that is active"),
        ({"availability_zone": "us-east-1b"}, "is of us-east-1b", "zone to us-east-1b"),
        ({"instance_type": "p4de.24xlarge"}, "is of p4de.24xlarge", "instance_type to p4de"),
        ({"instance_platform": "Windows"}, "is for Windows", "reserve for Linux/UNIX"),
        ({"reservation_type": "capacity-block"}, "is a capacity_block", "kind to capacity_block"),
        ({"total_instance_count": 1}, "1 nodes, 1 free; desired_nodes is 2", "reserve more"),
        ({"available_instance_count": 1}, "3 nodes, 1 free; desired_nodes is 2", "free 1 that"),
        (
            {"placement_group_arn": GROUP_ARN},
            "is in the placement group close",
            "{kind: existing, name: close}",
        ),
    ],
)
def test_one_that_nodes_would_not_start_in(members: dict[str, Any], says: str, advice: str) -> None:
    found = _judged(**members)
    assert found.verdict is Verdict.FAIL
    assert says in found.found
    assert advice in found.advice


def test_an_on_demand_reservation_in_place_of_a_block() -> None:
    found = _judged(kind="capacity_block")
    assert found.verdict is Verdict.FAIL
    assert "is a reservation, not a capacity_block" in found.found


@pytest.mark.parametrize("group", [{"kind": "create"}, {"kind": "existing", "name": "close"}])
def test_nodes_in_a_placement_group_that_the_reservation_is_not_in(group: dict[str, str]) -> None:
    found = row_of(reservation.CHECK, _plan(_seeded(), placement_group=group))
    assert found.verdict is Verdict.FAIL
    assert found.advice == "set gpu_node_group.placement_group to {kind: none}"


@pytest.mark.parametrize("group", [{"kind": "create"}, {"kind": "existing", "name": "far"}])
def test_nodes_in_another_placement_group_than_the_reservation(group: dict[str, str]) -> None:
    reserved = _seeded(placement_group_arn=GROUP_ARN)
    found = row_of(reservation.CHECK, _plan(reserved, placement_group=group))
    assert found.verdict is Verdict.FAIL
    assert "name: close" in found.advice


def test_the_placement_group_of_the_reservation(ec2: Any) -> None:
    ec2.create_placement_group(GroupName="close", Strategy="cluster")
    close = _plan(
        _seeded(placement_group_arn=GROUP_ARN),
        placement_group={"kind": "existing", "name": "close"},
    )
    assert row_of(reservation.CHECK, close).verdict is Verdict.OK
    assert row_of(placement_group.CHECK, close).verdict is Verdict.OK


def test_one_that_starts_later() -> None:
    start = datetime.now(UTC) + timedelta(days=2)
    found = _judged(state="scheduled", start_date=start, available_instance_count=0)
    assert found.verdict is Verdict.WARN
    assert f"starts on {start:%Y-%m-%d %H:%M} UTC" in found.found
    assert "desired_nodes to 0" in found.advice


@pytest.mark.parametrize(
    ("kind", "reservation_type", "says"),
    [
        ("capacity_block", "capacity-block", "EKS drains its nodes 40 minutes before"),
        ("reservation", "default", "go on at the on-demand price"),
    ],
)
def test_one_that_ends_soon(kind: str, reservation_type: str, says: str) -> None:
    soon = datetime.now(UTC) + timedelta(days=6)
    found = _judged(kind, reservation_type=reservation_type, end_date=soon)
    assert found.verdict is Verdict.WARN
    assert f"ends on {soon:%Y-%m-%d %H:%M} UTC" in found.found
    assert says in found.advice
    later = datetime.now(UTC) + timedelta(days=8)
    assert _judged(kind, reservation_type=reservation_type, end_date=later).verdict is Verdict.OK


def test_fewer_than_max_nodes() -> None:
    found = row_of(reservation.CHECK, _plan(_seeded(), max_nodes=4))
    assert found.verdict is Verdict.WARN
    assert "max_nodes to 3" in found.advice


def test_nothing_left_for_an_update() -> None:
    full = _seeded(total_instance_count=2)
    found = row_of(reservation.CHECK, _plan(full))
    assert found.verdict is Verdict.WARN
    assert "terminate_first" in found.advice
    update = {"strategy": "terminate_first"}
    assert row_of(reservation.CHECK, _plan(full, update=update)).verdict is Verdict.OK


def test_nodes_of_ours_that_run_in_it_are_ours_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto does not say which reservation an instance runs in."""
    reserved = _seeded(available_instance_count=1)

    def two_of_ours(plan: Plan, aws: Clients) -> list[RunningInstance]:
        inside = RunningInstance("p4d.24xlarge", True, True, reserved)
        elsewhere = RunningInstance("p4d.24xlarge", True, True, None)
        return [inside, inside, elsewhere]

    monkeypatch.setattr(running, "p_instances", two_of_ours)
    found = row_of(reservation.CHECK, _plan(reserved))
    assert found.verdict is Verdict.OK
    assert found.found.endswith("3 nodes, 1 free, 2 ours")


# --- a resource group of reservations


@pytest.fixture
def group_of() -> Callable[..., Plan]:
    """A plan with a resource group of these reservations."""

    def make(*reservation_ids: str) -> Plan:
        groups = boto3.client("resource-groups")
        arn = groups.create_group(
            Name="a100", Configuration=[{"Type": "AWS::EC2::CapacityReservationPool"}]
        )["Group"]["GroupArn"]
        place = "arn:aws:ec2:us-east-1:123456789012:capacity-reservation"
        if reservation_ids:
            members = [f"{place}/{each}" for each in reservation_ids]
            groups.group_resources(Group="a100", ResourceArns=members)
        capacity = {"kind": "reservation", "resource_group_arn": arn}
        return plan(gpu_node_group={"capacity": capacity})

    return make


def test_reservations_of_a_group_count_together(group_of: Callable[..., Plan]) -> None:
    wanted = group_of(_seeded(total_instance_count=1), _seeded(total_instance_count=2))
    found = row_of(reservation.CHECK, wanted)
    assert found.verdict is Verdict.OK
    assert found.found.endswith(": 3 nodes, 3 free")


def test_one_of_a_group_that_does_not_fit_is_not_counted(group_of: Callable[..., Plan]) -> None:
    wanted = group_of(_seeded(), _seeded(availability_zone="us-east-1b"))
    first, second = rows_of(reservation.CHECK, wanted)
    assert first.verdict is Verdict.FAIL
    assert "is of us-east-1b" in first.found
    assert second.verdict is Verdict.OK
    assert second.found.endswith(": 3 nodes, 3 free")


def test_a_group_that_does_not_exist() -> None:
    arn = "arn:aws:resource-groups:us-east-1:123456789012:group/none"
    capacity = {"kind": "reservation", "resource_group_arn": arn}
    found = row_of(reservation.CHECK, plan(gpu_node_group={"capacity": capacity}))
    assert found.verdict is Verdict.FAIL
    assert found.found == f"no {arn} in us-east-1"


def test_a_group_without_reservations(group_of: Callable[..., Plan]) -> None:
    found = row_of(reservation.CHECK, group_of())
    assert found.verdict is Verdict.FAIL
    assert "no reservation in arn:aws:resource-groups:us-east-1" in found.found


# --- the placement group that exists


@pytest.mark.parametrize(
    ("strategy", "state", "says"),
    [
        (None, None, "no close in us-east-1"),
        ("spread", "available", "close has strategy spread"),
        ("cluster", "deleting", "close is deleting"),
    ],
)
def test_a_placement_group_that_is_of_no_use(
    ec2: Any, strategy: str | None, state: str | None, says: str
) -> None:
    if strategy is not None:
        ec2.create_placement_group(GroupName="close", Strategy=strategy)
        backend: Any = ec2_backends[ACCOUNT][REGION]
        backend.placement_groups["close"].state = state
    existing = {"kind": "existing", "name": "close"}
    found = row_of(placement_group.CHECK, plan(gpu_node_group={"placement_group": existing}))
    assert found.verdict is Verdict.FAIL
    assert found.found == says
