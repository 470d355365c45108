"""One node an engine becomes several, or the other way round, in one `up`.

The new kind of workload waits for the GPUs of the old one, which Pulumi deletes last: up to the
48 minutes of its time-out (docs/how-to/engines.md). Only a comparison of two states shows it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gate.report import Item, Place
from gate.stacks.events import Event, steps
from policies.finding import Kind, resource_of

_GPU = "nvidia.com/gpu"
_KINDS = ("Deployment", "StatefulSet", "LeaderWorkerSet")


def waits_for_gpus(events: Iterable[Event], place: Place) -> Iterator[Item]:
    engines = [step for step in steps(events) if _is_engine(step)]
    gone = [step for step in engines if step["op"] == "delete"]
    new = [step for step in engines if step["op"] == "create"]
    if gone and new:
        old, urn = _kind(gone[0]), new[0]["urn"]
        yield Item(
            rule="engine-kind-changes",
            kind=Kind.VIOLATION.value,
            level="advisory",
            severity="high",
            resource=resource_of(urn),
            urn=urn,
            message=f"a {_kind(new[0])} takes the place of a {old}, and waits in the same `up`"
            " for the GPUs that it holds",
            refuses=False,
            remediation="`up` once with replicas 0 before this change: docs/how-to/engines.md",
            place=place,
        )


def _is_engine(step: Mapping[str, Any]) -> bool:
    state = step.get("new") or step.get("old") or {}
    return _kind(step) in _KINDS and _GPU in str(state.get("inputs"))


def _kind(step: Mapping[str, Any]) -> str:
    return str(step["type"]).rsplit(":", 1)[-1]
