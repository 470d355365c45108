"""The EKS access entries that the `aws` stand-in keeps, read as the token webhook needs them."""

import json
from pathlib import Path
from typing import Any

from sandbox.control_plane.token_review import ADMIN_GROUP, Access

_ADMIN_POLICY = "AmazonEKSClusterAdminPolicy"
_CLUSTER_SETTINGS = "EKS cluster settings"


def granted(kept: Path, cluster: str, principal: str) -> Access | None:
    """What `cluster` grants to the IAM `principal`: by an entry, or as the one who created it.

    The file's `things` are members of the AWS API under "<kind> <key>". EKS enforces its access
    policies with an authorizer of its own; here the administrator's policy means the
    administrators' group, and the others grant nothing by themselves. The sandbox has one caller,
    who has created every cluster and is administrator where the cluster was made so (the default).
    """
    things = _things(kept)
    own = [
        thing
        for thing in things.values()
        if thing.get("clusterName") == cluster and thing.get("principalArn") == principal
    ]
    entry = next((thing for thing in own if "policyArn" not in thing), None)
    if entry is None:
        settings = things.get(f"{_CLUSTER_SETTINGS} {cluster}", {}).get("accessConfig", {})
        by_creation = settings.get("bootstrapClusterCreatorAdminPermissions", True)
        return Access(principal, (ADMIN_GROUP,)) if by_creation else None
    groups = [str(group) for group in entry.get("kubernetesGroups") or ()]
    policies = [str(thing["policyArn"]) for thing in own if "policyArn" in thing]
    if any(policy.rsplit("/", 1)[-1] == _ADMIN_POLICY for policy in policies):
        groups.append(ADMIN_GROUP)
    return Access(str(entry.get("username") or principal), tuple(groups))


def _things(kept: Path) -> dict[str, dict[str, Any]]:
    try:
        return dict(json.loads(kept.read_text())["things"])
    except (OSError, ValueError, KeyError):
        return {}
