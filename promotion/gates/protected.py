"""A promotion replaces and deletes nothing that is hard to get again.

Whether or not `protect` is set: a stack may leave it off (`cluster.protect`), and Pulumi has no
such option for a node group of which only the replacement hurts. Nobody can waive this gate, so
kinds that a stack can lose and make again in minutes are not in it.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from gate.report import Change
from promotion.gate import GateResult, failed, passed

GATE = "protected"

PROTECTED: Mapping[str, str] = MappingProxyType(
    {
        "aws:eks/cluster:Cluster": "all that runs in it goes with it",
        "aws:eks/nodeGroup:NodeGroup": "its nodes go first, and GPUs may not be had again",
        "aws:ec2/vpc:Vpc": "everything stands in it",
        "aws:ec2/subnet:Subnet": "nodes, endpoints and file systems stand in it",
        "aws:kms/key:Key": "what it encrypted can be read by nobody afterwards",
        "aws:s3/bucket:Bucket": "the weights are in it",
        "aws:fsx/lustreFileSystem:LustreFileSystem": "engines read the weights from it",
        "kubernetes:core/v1:Namespace": "all in it goes with it, also what no program declared",
        "kubernetes:core/v1:PersistentVolume": "engines have it mounted",
        "kubernetes:core/v1:PersistentVolumeClaim": "engines have it mounted",
        "kubernetes:helm.sh/v3:Release": "its custom kinds may go with it, and all objects of them",
    }
)
"""Type tokens, and what is lost with one."""

_TAKES_AWAY = frozenset({"delete", "replace", "import-replacement", "discard-replaced"})
"""Words of the engine (pulumi's sdk/go/common/display/json.go), of those that a report has."""


def judge(changes: Sequence[Change]) -> GateResult:
    """`changes` are what the preview of the target would do."""
    lost = [change for change in changes if _is_lost(change)]
    if not lost:
        return passed(
            GATE,
            f"of {len(changes)} changes none replaces or deletes what is protected",
        )
    return failed(
        GATE,
        f"{len(lost)} of {len(changes)} changes would replace or delete what is protected",
        *(_line(change) for change in lost),
        remedy="take the change out of the release; where it is meant, plan it as work of its own:"
        " pulumi up in an agreed window, then promote what the stack then runs",
    )


def _is_lost(change: Change) -> bool:
    return change.operation in _TAKES_AWAY and (change.protected or change.type in PROTECTED)


def _line(change: Change) -> str:
    kind = change.type.rsplit(":", 1)[-1]
    forced = ", ".join(change.replace_keys)
    by = f", forced by {forced}" if forced else ""
    why = PROTECTED.get(change.type, "protect is set on it")
    return f'{change.operation} of {kind} "{change.name}"{by}: {why}'
