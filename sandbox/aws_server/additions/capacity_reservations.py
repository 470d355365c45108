"""EC2 capacity reservations: on demand, and (by `seed_capacity_reservation`) capacity blocks."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore import xform_name
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends
from moto.ec2.responses._base_response import EC2BaseResponse
from moto.ec2.utils import generic_filter, random_id

from sandbox.aws_server.additions import ec2_parts

KIND, PREFIX = "capacity-reservation", "cr"
_SETTABLE = (
    "EbsOptimized",
    "EndDate",
    "EndDateType",
    "EphemeralStorage",
    "InstanceMatchCriteria",
    "InstancePlatform",
    "InstanceType",
    "OutpostArn",
    "PlacementGroupArn",
    "Tenancy",
)


@dataclass(eq=False)
class CapacityReservation(ec2_parts.Described):
    """Named as EC2's members are, in snake case. All of it is free if no other count is given."""

    ec2_backend: Any
    instance_type: str
    availability_zone: str
    total_instance_count: int
    available_instance_count: int = -1
    instance_platform: str = "Linux/UNIX"
    tenancy: str = "default"
    ebs_optimized: bool = False
    ephemeral_storage: bool = False
    state: str = "active"
    start_date: datetime = field(default_factory=utcnow)
    create_date: datetime = field(default_factory=utcnow)
    end_date: datetime | None = None
    end_date_type: str = "unlimited"
    instance_match_criteria: str = "open"
    reservation_type: str = "default"
    placement_group_arn: str | None = None
    outpost_arn: str | None = None
    id: str = field(default_factory=lambda: random_id(PREFIX))

    def __post_init__(self) -> None:
        if self.available_instance_count < 0:
            self.available_instance_count = self.total_instance_count

    @property
    def owner_id(self) -> str:
        return str(self.ec2_backend.account_id)

    @property
    def capacity_reservation_arn(self) -> str:
        place = f"{self.ec2_backend.region_name}:{self.owner_id}"
        return f"arn:{self.ec2_backend.partition}:ec2:{place}:{KIND}/{self.id}"

    @property
    def availability_zone_id(self) -> str:
        return str(self.ec2_backend.get_zone_by_name(self.availability_zone).zone_id)

    def resize(self, total: int) -> None:
        self.available_instance_count += total - self.total_instance_count
        self.total_instance_count = total

    def cancel(self) -> None:
        self.state, self.available_instance_count = "cancelled", 0


class CapacityReservationBackend:
    """One region's reservations, by id. Cancelled ones stay, as they do at EC2 for a while."""

    def __init__(self) -> None:
        self.capacity_reservations: dict[str, CapacityReservation] = {}

    def add_capacity_reservation(self, **members: Any) -> CapacityReservation:
        self.describe_instance_types([members["instance_type"]])  # type: ignore[attr-defined]
        zone = members["availability_zone"]
        if self.get_zone_by_name(zone) is None:  # type: ignore[attr-defined]
            raise EC2ClientError("InvalidParameterValue", f"Invalid availability zone: [{zone}]")
        reservation = CapacityReservation(self, **members)
        self.capacity_reservations[reservation.id] = reservation
        return reservation

    def capacity_reservation(self, identifier: str) -> CapacityReservation:
        if identifier not in self.capacity_reservations:
            raise EC2ClientError(
                "InvalidCapacityReservationId.NotFound",
                f"The Capacity Reservation ID '{identifier}' does not exist.",
            )
        return self.capacity_reservations[identifier]

    def describe_capacity_reservations(
        self, ids: list[str], filters: dict[str, Any]
    ) -> list[CapacityReservation]:
        named = [self.capacity_reservation(identifier) for identifier in ids]
        return generic_filter(filters, named or list(self.capacity_reservations.values()))


class CapacityReservationResponse(EC2BaseResponse):
    """The actions."""

    def create_capacity_reservation(self) -> ActionResult:
        tags = self._parse_tag_specification(KIND).get(KIND, {})
        self.error_on_dryrun()
        reservation = self.ec2_backend.add_capacity_reservation(
            availability_zone=self._get_param("AvailabilityZone"),
            total_instance_count=self._get_param("InstanceCount"),
            **self._given(),
        )
        reservation.add_tags(tags)
        return ActionResult({"CapacityReservation": reservation})

    def describe_capacity_reservations(self) -> ActionResult:
        self.error_on_dryrun()
        found = self.ec2_backend.describe_capacity_reservations(
            self._get_param("CapacityReservationIds", []), self._filters_from_querystring()
        )
        return ActionResult({"CapacityReservations": found})

    def modify_capacity_reservation(self) -> ActionResult:
        reservation = self._named()
        vars(reservation).update(self._given())
        if reservation.end_date_type == "unlimited":
            reservation.end_date = None
        if (count := self._get_param("InstanceCount")) is not None:
            reservation.resize(count)
        return ActionResult({"Return": True})

    def cancel_capacity_reservation(self) -> ActionResult:
        self._named().cancel()
        return ActionResult({"Return": True})

    def _named(self) -> CapacityReservation:
        self.error_on_dryrun()
        identifier = self._get_param("CapacityReservationId")
        reservation: CapacityReservation = self.ec2_backend.capacity_reservation(identifier)
        return reservation

    def _given(self) -> dict[str, Any]:
        found = {xform_name(name): self._get_param(name) for name in _SETTABLE}
        return {name: value for name, value in found.items() if value is not None}


def seed_capacity_reservation(
    region: str, account_id: str = DEFAULT_ACCOUNT_ID, **members: Any
) -> str:
    """Put a reservation with these members (`CapacityReservation`'s) there; its id.

    `instance_type` and `availability_zone` are needed, `total_instance_count` is 1 if not given;
    `tags` is a map.
    """
    tags = members.pop("tags", {})
    backend = ec2_backends[account_id][region]
    reservation = backend.add_capacity_reservation(**{"total_instance_count": 1, **members})  # type: ignore[attr-defined]
    reservation.add_tags(tags)
    return str(reservation.id)


def install() -> None:
    ec2_parts.add_id_prefix(KIND, PREFIX)
    ec2_parts.add_backend(CapacityReservationBackend)
    ec2_parts.add_responses(CapacityReservationResponse)
