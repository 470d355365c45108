"""The provider's functions (invokes), as the table says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.aws_provider.cloud import Cloud
from sandbox.aws_provider.convert import to_api
from sandbox.aws_provider.table.model import Invoke
from sandbox.aws_provider.templates import OMIT, Scope, at_path, fill, fill_params
from sandbox.aws_provider.wire import Properties


def run_function(entry: Invoke, arguments: Properties, cloud: Cloud) -> Properties:
    """The results of a function; raises ApiError."""
    facts = {**cloud.facts, "description": cloud.facts["region"]}
    scope = Scope(inputs=arguments, facts=facts)
    live: Mapping[str, Any] = {}
    if entry.look:
        shape = cloud.operation(entry.client, entry.look.operation).input_shape
        params = {
            name: to_api(value, shape.members[name], name, {})
            for name, value in fill_params(entry.look.params, scope).items()
        }
        answer = cloud.call(entry.client, entry.look.operation, params)
        live = at_path(answer, entry.look.path, scope) or {}
    live = _chosen(live, arguments)
    scope = scope.with_live(live)
    results = {name: fill(template, scope) for name, template in entry.results.items()}
    return {name: value for name, value in results.items() if value is not OMIT}


def _chosen(live: Mapping[str, Any], arguments: Properties) -> Mapping[str, Any]:
    """Of a list of zones those that the arguments leave."""
    if "AvailabilityZones" not in live:
        return live
    zones = [
        {"GroupName": zone["RegionName"], **zone}
        for zone in live["AvailabilityZones"]
        if zone["ZoneName"] not in arguments.get("excludeNames", [])
        and zone["ZoneId"] not in arguments.get("excludeZoneIds", [])
        and zone["State"] == arguments.get("state", zone["State"])
    ]
    return {**live, "AvailabilityZones": sorted(zones, key=lambda zone: str(zone["ZoneName"]))}
