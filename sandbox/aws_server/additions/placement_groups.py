"""EC2 placement groups."""

from dataclasses import dataclass, field
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses._base_response import EC2BaseResponse
from moto.ec2.utils import generic_filter, random_id

from sandbox.aws_server.additions import ec2_parts

KIND, PREFIX = "placement-group", "pg"


@dataclass(eq=False)
class PlacementGroup(ec2_parts.Described):
    """Named as EC2's members are, in snake case."""

    ec2_backend: Any
    group_name: str
    strategy: str = "cluster"
    partition_count: int | None = None
    spread_level: str | None = None
    state: str = "available"
    id: str = field(default_factory=lambda: random_id(PREFIX))

    @property
    def group_id(self) -> str:
        return self.id

    @property
    def group_arn(self) -> str:
        place = f"{self.ec2_backend.region_name}:{self.ec2_backend.account_id}"
        return f"arn:{self.ec2_backend.partition}:ec2:{place}:{KIND}/{self.group_name}"


class PlacementGroupBackend:
    """One region's placement groups, by name."""

    def __init__(self) -> None:
        self.placement_groups: dict[str, PlacementGroup] = {}

    def create_placement_group(self, name: str, **members: Any) -> PlacementGroup:
        if name in self.placement_groups:
            raise EC2ClientError(
                "InvalidPlacementGroup.Duplicate", f"The Placement Group '{name}' already exists."
            )
        group = PlacementGroup(self, name, **members)
        self.placement_groups[name] = group
        return group

    def placement_group(self, name: str) -> PlacementGroup:
        if name not in self.placement_groups:
            raise EC2ClientError(
                "InvalidPlacementGroup.Unknown", f"The Placement Group '{name}' is unknown."
            )
        return self.placement_groups[name]

    def describe_placement_groups(
        self, names: list[str], ids: list[str], filters: dict[str, Any]
    ) -> list[PlacementGroup]:
        by_id = {group.id: group for group in self.placement_groups.values()}
        if unknown := [wanted for wanted in ids if wanted not in by_id]:
            raise EC2ClientError(
                "InvalidPlacementGroupId.NotFound",
                f"The Placement Group ids '{', '.join(unknown)}' do not exist.",
            )
        named = [self.placement_group(name) for name in names]
        given = [*named, *(by_id[wanted] for wanted in ids)]
        everything = list(self.placement_groups.values())
        return generic_filter(filters, given if names or ids else everything)


class PlacementGroupResponse(EC2BaseResponse):
    """The actions."""

    def create_placement_group(self) -> ActionResult:
        tags = self._parse_tag_specification(KIND).get(KIND, {})
        self.error_on_dryrun()
        group = self.ec2_backend.create_placement_group(
            self._get_param("GroupName"),
            strategy=self._get_param("Strategy", "cluster"),
            partition_count=self._get_param("PartitionCount"),
            spread_level=self._get_param("SpreadLevel"),
        )
        group.add_tags(tags)
        return ActionResult({"PlacementGroup": group})

    def describe_placement_groups(self) -> ActionResult:
        self.error_on_dryrun()
        groups = self.ec2_backend.describe_placement_groups(
            self._get_param("GroupNames", []),
            self._get_param("GroupIds", []),
            self._filters_from_querystring(),
        )
        return ActionResult({"PlacementGroups": groups})

    def delete_placement_group(self) -> ActionResult:
        self.error_on_dryrun()
        group = self.ec2_backend.placement_group(self._get_param("GroupName"))
        del self.ec2_backend.placement_groups[group.group_name]
        return EmptyResult()


def install() -> None:
    ec2_parts.add_id_prefix(KIND, PREFIX)
    ec2_parts.add_backend(PlacementGroupBackend)
    ec2_parts.add_responses(PlacementGroupResponse)
