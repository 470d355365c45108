"""The table: every Pulumi type and function that the stand-in knows."""

from collections.abc import Mapping
from types import MappingProxyType

from sandbox.aws_provider.table import (
    buckets,
    compute,
    eks,
    file_systems,
    identity,
    invokes,
    kept,
    network,
)
from sandbox.aws_provider.table.model import Invoke, KeptKind, KeptMembers, Resource

RESOURCES: Mapping[str, Resource] = MappingProxyType(
    {
        entry.pulumi_type: entry
        for entry in (
            *network.RESOURCES,
            *compute.RESOURCES,
            *identity.RESOURCES,
            *eks.RESOURCES,
            *buckets.RESOURCES,
            *file_systems.RESOURCES,
        )
    }
)
INVOKES: Mapping[str, Invoke] = MappingProxyType(
    {entry.function: entry for entry in invokes.INVOKES}
)
KEPT_KINDS: tuple[KeptKind, ...] = kept.KINDS
KEPT_MEMBERS: tuple[KeptMembers, ...] = kept.MEMBERS
