"""Resource groups of capacity reservations: what is in a group, where moto has the groups alone."""

import json
from typing import Any

from moto.resourcegroups import urls
from moto.resourcegroups.models import FakeResourceGroup, ResourceGroupsBackend
from moto.resourcegroups.responses import ResourceGroupsResponse

_PATHS = ("group-resources", "list-group-resources", "ungroup-resources")
_TYPES = {"capacity-reservation": "AWS::EC2::CapacityReservation"}


def _group(self: ResourceGroupsResponse) -> FakeResourceGroup:
    """By name or ARN; `GroupName` is what `Group` was called before, and all that moto reads."""
    named = self._get_param("Group") or self._get_param("GroupName")
    return self.resourcegroups_backend.get_group(named)


def _members(group: FakeResourceGroup) -> list[str]:
    found: list[str] = vars(group).setdefault("resource_arns", [])
    return found


def _type_of(arn: str) -> str | None:
    return _TYPES.get(arn.rsplit(":", 1)[-1].split("/")[0])


def _get_group(self: ResourceGroupsResponse) -> str:
    group = _group(self)
    shown = {"GroupArn": group.arn, "Name": group.name, "Description": group.description}
    return json.dumps({"Group": shown})


def _group_resources(self: ResourceGroupsResponse) -> str:
    members, given = _members(_group(self)), self._get_param("ResourceArns")
    taken = [arn for arn in given if _type_of(arn)]
    members += [arn for arn in taken if arn not in members]
    refused = [
        {"ResourceArn": arn, "ErrorCode": "RESOURCE_TYPE_NOT_SUPPORTED"}
        for arn in given
        if arn not in taken
    ]
    return json.dumps({"Succeeded": taken, "Failed": refused, "Pending": []})


def _ungroup_resources(self: ResourceGroupsResponse) -> str:
    members, given = _members(_group(self)), self._get_param("ResourceArns")
    members[:] = [arn for arn in members if arn not in given]
    return json.dumps({"Succeeded": given, "Failed": [], "Pending": []})


def _list_group_resources(self: ResourceGroupsResponse) -> str:
    found = [{"ResourceArn": arn, "ResourceType": _type_of(arn)} for arn in _members(_group(self))]
    return json.dumps(
        {
            "Resources": [{"Identifier": identifier} for identifier in found],
            "ResourceIdentifiers": found,
            "QueryErrors": [],
        }
    )


def _configuration(self: ResourceGroupsBackend, group_name: str) -> list[dict[str, Any]] | None:
    return self.get_group(group_name).configuration


def install() -> None:
    responses: Any = ResourceGroupsResponse
    responses.get_group = _get_group
    responses.group_resources = _group_resources
    responses.ungroup_resources = _ungroup_resources
    responses.list_group_resources = _list_group_resources
    ResourceGroupsBackend.get_group_configuration = _configuration  # type: ignore[method-assign]
    for path in _PATHS:
        urls.url_paths[f"{{0}}/{path}$"] = ResourceGroupsResponse.dispatch
