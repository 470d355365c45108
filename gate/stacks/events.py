"""What the engine's events say: findings of the pack, changes, errors.

Shapes: pulumi's sdk/go/common/apitype/events.go.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pulumi_policy import EnforcementLevel, Policy

from catalog.waivers import Waiver
from gate.report import Change, Item, Place
from gate.stacks.colours import plain
from policies.finding import Kind, resource_of
from policies.pack import Pack
from policies.wording import read_back

Event = Mapping[str, Any]

# Said of a refusal too, after all else.
_OF_ANY_FAILURE = "preview failed"
_NOT_A_CHANGE = frozenset({"same", "read", "refresh", "read-discard", "discard"})
_OF_A_REPLACEMENT = frozenset({"create-replacement", "replace", "delete-replaced"})


def errors(events: Iterable[Event]) -> list[str]:
    """What the engine, a provider or the program says went wrong, in its order, each once."""
    return list(dict.fromkeys(text for _, text in _errors(events)))


def at_fault(events: Iterable[Event]) -> set[str]:
    """URNs of the resources that the errors are about; empty text for one that is about none."""
    return {urn for urn, _ in _errors(events)}


def _errors(events: Iterable[Event]) -> Iterator[tuple[str, str]]:
    for urn, text in _told(events, "error"):
        if text != _OF_ANY_FAILURE:
            yield urn, text


def _told(events: Iterable[Event], severity: str) -> Iterator[tuple[str, str]]:
    for event in events:
        said = event.get("diagnosticEvent", {})
        if said.get("severity") == severity and (text := plain(said["message"])):
            yield said.get("urn", ""), text


def judged_by(events: Iterable[Event]) -> set[str]:
    """Names of the packs that have judged the whole stack, which they do last."""
    return {
        event["policyAnalyzeStackSummaryEvent"]["policyPackName"]
        for event in events
        if "policyAnalyzeStackSummaryEvent" in event
    }


def findings(
    events: Iterable[Event], pack: Pack, waivers: Sequence[Waiver], place: Place
) -> list[Item]:
    """What the pack says, read back from the engine; `place` is the stack's file.

    The engine tells what is waived, and what could not be checked, as advice; here the level is
    the policy's own.
    """
    by_name = {policy.name: policy for policy in pack.policies}
    items = [
        _item(event["policyEvent"], by_name, pack, waivers, place)
        for event in events
        if "policyEvent" in event
    ]
    return list(dict.fromkeys(items))


def remedies(events: Iterable[Event], place: Place) -> list[Item]:
    """What the pack has mended: the preview is of the mended resource."""
    mended = [
        event["policyRemediationEvent"] for event in events if "policyRemediationEvent" in event
    ]
    return [
        Item(
            rule=each["policyName"],
            kind=Kind.VIOLATION.value,
            level=EnforcementLevel.REMEDIATE.value,
            severity="",
            resource=resource_of(each.get("resourceUrn", "")),
            urn=each.get("resourceUrn", ""),
            message="mended by the pack; an `up` without it deploys the resource as it is written",
            refuses=False,
            place=place,
        )
        for each in mended
    ]


def changes(events: Iterable[Event]) -> list[Change]:
    """What would happen to each resource that does not stay as it is, in the engine's order."""
    found: dict[str, Change] = {}
    for metadata in steps(events):
        if metadata["op"] in _NOT_A_CHANGE:
            continue
        change = _change(metadata)
        if (before := found.get(change.urn)) is not None:
            # A replacement is told in three steps, each of which may know the keys.
            change = Change(
                "replace" if "replace" in (change.operation, before.operation) else "update",
                change.urn,
                change.type,
                change.name,
                change.protected or before.protected,
                tuple(dict.fromkeys((*before.keys, *change.keys))),
                tuple(dict.fromkeys((*before.replace_keys, *change.replace_keys))),
            )
        found[change.urn] = change
    return list(found.values())


def steps(events: Iterable[Event]) -> Iterator[Mapping[str, Any]]:
    """The metadata of each step that the engine plans."""
    for event in events:
        if "resourcePreEvent" in event:
            yield event["resourcePreEvent"]["metadata"]


def results(events: Iterable[Event]) -> Iterator[Mapping[str, Any]]:
    """The metadata of each step that has ended well; a refresh knows only then what it found."""
    for event in events:
        if "resOutputsEvent" in event:
            yield event["resOutputsEvent"]["metadata"]


def warnings(events: Iterable[Event]) -> list[str]:
    """What the engine or a provider warns of, in its order, each once."""
    return list(dict.fromkeys(text for _, text in _told(events, "warning")))


def has_ended(events: Iterable[Event]) -> bool:
    """Whether the engine came to its end, well or not; one that was killed says nothing of it."""
    return any("summaryEvent" in event for event in events)


def _item(
    event: Event,
    policies: Mapping[str, Policy],
    pack: Pack,
    waivers: Sequence[Waiver],
    place: Place,
) -> Item:
    name, urn = event["policyName"], event.get("resourceUrn", "")
    policy = policies.get(name)
    kind, is_waived, message = read_back(plain(event["message"]))
    level = pack.level(policy).value if policy else event["enforcementLevel"]
    resource = resource_of(urn if policy is None or _is_of_resource(urn) else "")
    waiver = next(
        (w for w in waivers if is_waived and (w.policy, w.resource) == (name, resource)), None
    )
    return Item(
        rule=name,
        kind=kind.value,
        level=level,
        severity=event.get("severity", ""),
        resource=resource,
        urn=urn,
        message=message,
        refuses=waiver is None and level != EnforcementLevel.ADVISORY.value,
        remediation=(policy.remediation_steps or "") if policy else "",
        url=(policy.url or "") if policy else "",
        waiver=waiver,
        place=place,
    )


def _is_of_resource(urn: str) -> bool:
    """The engine gives a finding of the whole stack the URN of the stack itself."""
    return "::pulumi:pulumi:Stack::" not in urn


def _change(metadata: Mapping[str, Any]) -> Change:
    urn = metadata["urn"]
    old, new = metadata.get("old") or {}, metadata.get("new") or {}
    operation = metadata["op"]
    return Change(
        operation="replace" if operation in _OF_A_REPLACEMENT else operation,
        urn=urn,
        type=metadata["type"],
        name=resource_of(urn),
        # One that becomes protected by this change may still be replaced by it.
        protected=bool((old or new).get("protect")),
        keys=tuple(metadata.get("detailedDiff") or metadata.get("diffs") or ()),
        replace_keys=tuple(metadata.get("keys") or ()),
    )
