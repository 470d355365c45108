"""Nodes that manifests run on, of which nobody declares more than their instance type."""

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy import PolicyCustomTimeouts, PolicyResource, PolicyResourceOptions
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError

from policies.aws.node_groups import NODE_GROUP


class _KnownInPart(Mapping[str, Any]):
    """Properties of which some are known; of any other a policy hears that it is not."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self._known = known

    def __getitem__(self, key: str) -> Any:
        if key not in self._known:
            raise UnknownValueError(UNKNOWN_STRING_VALUE, [key])
        return self._known[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def node_group(instance_type: str) -> PolicyResource:
    """A node group of this type, which is not in the manifests; its labels rule no pod out."""
    return PolicyResource(
        NODE_GROUP,
        _KnownInPart({"instanceTypes": [instance_type]}),
        f"urn:pulumi:manifests::moe-serving::{NODE_GROUP}::{instance_type}",
        instance_type,
        no_options(),
        None,
        None,
        [],
        {},
    )


def no_options() -> PolicyResourceOptions:
    return PolicyResourceOptions(False, [], None, [], PolicyCustomTimeouts(0, 0, 0), [])
