"""What differs between a stack as Pulumi recorded it and as it is, by a real refresh.

`pulumi refresh --preview-only` reads every resource and writes nothing. Of the shapes of what it
tells: pulumi's sdk/go/common/apitype/events.go, and RefreshStep in pkg/resource/deploy/step.go.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gate.stacks import events
from gate.stacks.engine import Run
from policies.finding import resource_of
from promotion.errors import PromotionError
from promotion.property_path import ABSENT, SECRET, holds_secret, value_at, without_secrets
from promotion.pulumi_stack import PulumiStack, State

GONE = "delete"
"""The engine's word for a resource that is recorded and is not there any more."""

_AS_RECORDED = frozenset({"same", "refresh", "read"})
_LAST_LINES = 6
_MOST_TOLD = 5
# With PULUMI_K8S_SKIP_UPDATE_UNREACHABLE the Kubernetes provider warns of a cluster that it cannot
# reach, and answers what was recorded; with PULUMI_K8S_DELETE_UNREACHABLE, that nothing is there.
# The engine then ends well, and neither answer says anything of the cluster.
_UNREACHABLE = "configured Kubernetes cluster is unreachable"
_OF_UNREACHABLE = "due to unreachable cluster"
_OF_EACH = "Preview failed: "


class DriftOutcome(StrEnum):
    """`error` is a question that nobody answered: neither drift nor none."""

    NONE = "none"
    DRIFTED = "drifted"
    NEVER_DEPLOYED = "never deployed"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class PropertyDrift:
    """One property: as it was recorded and as it is, ABSENT where it is not there.

    `kind` is what has happened to it: add, update or delete. A value that Pulumi keeps secret is
    SECRET, both before and after.
    """

    path: str
    kind: str
    recorded: Any
    now: Any


@dataclass(frozen=True, slots=True)
class ResourceDrift:
    """One resource; `operation` is the engine's word, GONE for one that is no longer there."""

    name: str
    type: str
    urn: str
    operation: str
    properties: Sequence[PropertyDrift] = ()

    @property
    def is_gone(self) -> bool:
        return self.operation == GONE


@dataclass(frozen=True, slots=True)
class Drift:
    """`reason` is why there is no answer; `resources` counts those that a provider has read."""

    stack: str
    outcome: DriftOutcome
    changes: Sequence[ResourceDrift] = ()
    reason: str = ""
    resources: int = 0


def drift_of(stack: PulumiStack) -> Drift:
    """Ask Pulumi; never raises for what Pulumi cannot do, which is the outcome `error`."""
    try:
        state = stack.state()
        # A first `up` that failed at once leaves a stack, its providers, and nothing deployed.
        if state is None or not any(map(_is_looked_up, state.resources)):
            return Drift(stack.name, DriftOutcome.NEVER_DEPLOYED)
        # The lock of a file or bucket is not asked for by a preview, so that it would read what
        # another update is about to change. And of what a killed update was creating the state
        # knows no id, so that no refresh can look for it.
        if state.pending_operations:
            return _error(stack.name, _unfinished(state))
        drift = found_by(stack.refresh_preview(), stack.name)
        if drift.outcome is DriftOutcome.DRIFTED and stack.state() != state:
            words = "an update changed the state while it was compared; ask again when that is done"
            return _error(stack.name, words)
    except PromotionError as error:
        return _error(stack.name, str(error))
    return drift


def found_by(run: Run, stack: str) -> Drift:
    """What a run of `pulumi refresh --preview-only` says.

    Only one that came to its end and in which nothing failed says that there is no drift.
    """
    unreachable = [text for text in events.warnings(run.events) if text.startswith(_UNREACHABLE)]
    errors = events.errors(run.events)
    if run.exit_code != 0 or unreachable or errors:
        # A warning says why; the error of each resource behind it only how to forget them all.
        told = [each for each in errors if not (unreachable and _OF_UNREACHABLE in each)]
        reasons = [each.removeprefix(_OF_EACH) for each in (*unreachable, *told)]
        return _error(stack, _listed(reasons, "\n") or _last_lines(run))
    if not events.has_ended(run.events):
        return _error(stack, f"the refresh did not come to its end: {_last_lines(run)}")
    steps = list(events.results(run.events))
    changes = [_resource(step) for step in steps if step["op"] not in _AS_RECORDED]
    # The engine tells them as providers answer.
    changes.sort(key=lambda change: change.urn)
    return Drift(
        stack,
        DriftOutcome.DRIFTED if changes else DriftOutcome.NONE,
        changes,
        resources=sum(1 for step in steps if _is_looked_up(step.get("old") or {})),
    )


def _is_looked_up(resource: Mapping[str, Any]) -> bool:
    """Components and providers are nowhere but in the state."""
    return bool(resource.get("custom")) and not resource["type"].startswith("pulumi:")


def _resource(step: Mapping[str, Any]) -> ResourceDrift:
    urn = step["urn"]
    properties = () if step["op"] == GONE else tuple(_properties(step))
    return ResourceDrift(resource_of(urn), step["type"], urn, step["op"], properties)


def _properties(step: Mapping[str, Any]) -> Iterator[PropertyDrift]:
    old, new = step.get("old") or {}, step.get("new") or {}
    detailed = step.get("detailedDiff")
    if detailed:
        for path, diff in sorted(detailed.items()):
            now_first = ("inputs", "outputs") if diff.get("inputDiff") else ("outputs", "inputs")
            # What an `up` would put back is the recorded input; an output where there is none.
            recorded = _first(path, old, ("inputs", "outputs"))
            now = _first(path, new, now_first)
            yield _property(path, diff["diffKind"].removesuffix("-replace"), recorded, now)
        return
    # A provider that does not compare by itself: the engine names what differs, or, for a resource
    # that Pulumi only reads, nothing at all.
    where = "outputs" if old.get("external") else "inputs"
    before, after = old.get(where) or {}, new.get(where) or {}
    named = step.get("diffs") or ()
    for name in named or sorted({*before, *after}):
        recorded = without_secrets(before.get(name, ABSENT))
        now = without_secrets(after.get(name, ABSENT))
        if name in named or recorded != now:
            yield _property(name, _kind(recorded, now), recorded, now)


def _first(path: str, state: Mapping[str, Any], places: tuple[str, ...]) -> Any:
    found = (value_at(path, state.get(place) or {}) for place in places)
    return next((value for value in found if value is not ABSENT), ABSENT)


def _property(path: str, kind: str, recorded: Any, now: Any) -> PropertyDrift:
    if holds_secret(recorded) or holds_secret(now):
        # The live value of a secret may have come from a provider that does not know it is one.
        recorded, now = (ABSENT if each is ABSENT else SECRET for each in (recorded, now))
    return PropertyDrift(path, kind, recorded, now)


def _kind(recorded: Any, now: Any) -> str:
    if recorded is ABSENT:
        return "add"
    return "delete" if now is ABSENT else "update"


def _unfinished(state: State) -> str:
    named = [
        f"{each['type']} {resource_of(each['resource']['urn'])}"
        for each in state.pending_operations
    ]
    return (
        f"an update runs, or was killed, in the middle of: {_listed(named, ', ')}; wait for it, or"
        " finish it with `pulumi up`"
    )


def _error(stack: str, reason: str) -> Drift:
    return Drift(stack, DriftOutcome.ERROR, reason=reason)


def _listed(texts: Sequence[str], separator: str) -> str:
    more = len(texts) - _MOST_TOLD
    return separator.join([*texts[:_MOST_TOLD], *([f"and {more} more"] if more > 0 else [])])


def _last_lines(run: Run) -> str:
    said = "\n".join(run.output.strip().splitlines()[-_LAST_LINES:])
    return said or f"pulumi ended with {run.exit_code}, and said nothing"
