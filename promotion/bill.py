"""What a stack costs by the hour, as what runs and what a preview would leave say it.

Counted as the policy on budgets counts (`policies/cost/hourly.py`), at the desired number of nodes
that the program declares: what an autoscaler has made of that is the same before and after.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi.runtime.rpc import UNKNOWN
from pulumi_policy import (
    PolicyCustomTimeouts,
    PolicyProviderResource,
    PolicyResource,
    PolicyResourceOptions,
)
from pulumi_policy.proxy import UnknownValueError, unknown_checking_proxy

from catalog.cost import Line
from gate.stacks.events import Event, steps
from policies.aws.node_groups import LAUNCH_TEMPLATE, NODE_GROUP
from policies.cost.hourly import Running, lines
from policies.declared import forget
from policies.finding import resource_of
from policies.review import UnreadableError

_SIZE = "desiredSize"
_TEMPLATE = "launchTemplate"
_GONE = frozenset({"delete", "delete-replaced", "discard", "discard-replaced", "read-discard"})


@dataclass(frozen=True, slots=True)
class Bill:
    """`lines` of one resource each; `unread` says of others why they could not be counted."""

    lines: Sequence[Line]
    unread: Sequence[str] = ()

    @property
    def usd_per_hour(self) -> float:
        """Of what has a price."""
        return sum(line.usd_per_hour or 0.0 for line in self.lines)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many of each thing."""
        return _total(self.lines)

    @property
    def unpriced(self) -> Mapping[str, int]:
        """How many of each thing that the catalogue has no price for."""
        return _total(line for line in self.lines if line.usd_per_hour is None)

    def usd_per_hour_of(self, what: str) -> float:
        return sum(line.usd_per_hour or 0.0 for line in self.lines if line.what == what)


def of_resources(resources: Iterable[Mapping[str, Any]]) -> Bill:
    """`resources` are those of a state (`pulumi stack export`), or of a preview's events."""
    # Of a stack that this process has checked before.
    forget()
    stack = Running(_as_policies_see(list(resources)), _SIZE)
    counted: list[Line] = []
    unread = []
    for member in stack.paid_by_the_hour:
        try:
            counted += lines(member, stack)
        except UnknownValueError as error:
            unread.append(f"{_named(member)}: {error.message}")
        except UnreadableError as error:
            unread.append(f"{_named(member)}: {error}")
    return Bill(tuple(counted), tuple(unread))


def after_preview(events: Iterable[Event]) -> Bill:
    """Of what an `up` would leave; the preview must have come to its end."""
    # Before a step the new state has no id. Whoever names the id of one that is replaced names
    # one that is not known yet, so that the old one does no harm.
    left = {
        step["urn"]: {**step["new"], "id": (step.get("old") or {}).get("id")}
        for step in steps(events)
        if step["op"] not in _GONE and step.get("new")
    }
    return of_resources(left.values())


def _total(counted: Iterable[Line]) -> dict[str, int]:
    total: dict[str, int] = {}
    for line in counted:
        total[line.what] = total.get(line.what, 0) + line.count
    return total


def _named(member: PolicyResource) -> str:
    return f'{member.resource_type.rsplit(":", 1)[-1]} "{member.name}"'


def _as_policies_see(resources: Sequence[Mapping[str, Any]]) -> list[PolicyResource]:
    present = [each for each in resources if not each.get("delete")]
    props = {each["urn"]: _properties(each) for each in present}
    made = {
        each["urn"]: PolicyResource(
            each["type"],
            unknown_checking_proxy(props[each["urn"]]),
            each["urn"],
            resource_of(each["urn"]),
            PolicyResourceOptions(False, [], None, [], PolicyCustomTimeouts(0, 0, 0), []),
            _provider(each, props),
            None,
            [],
            {},
        )
        for each in present
    }
    for each in present:
        if each["type"] == NODE_GROUP:
            templates = [made[urn] for urn in _templates(each, present, props)]
            made[each["urn"]].property_dependencies[_TEMPLATE] = templates
    return list(made.values())


def _properties(resource: Mapping[str, Any]) -> dict[str, Any]:
    """What is declared comes first: a refresh writes what an autoscaler chose into the rest."""
    given = {"id": resource.get("id") or UNKNOWN}
    return {**(resource.get("outputs") or {}), **given, **(resource.get("inputs") or {})}


def _provider(
    resource: Mapping[str, Any], props: Mapping[str, Mapping[str, Any]]
) -> PolicyProviderResource | None:
    urn = str(resource.get("provider") or "").rpartition("::")[0]
    if urn not in props:
        return None
    kind = urn.split("::")[2].rsplit("$", 1)[-1]
    return PolicyProviderResource(
        kind, unknown_checking_proxy(dict(props[urn])), urn, resource_of(urn)
    )


def _templates(
    group: Mapping[str, Any],
    resources: Sequence[Mapping[str, Any]],
    props: Mapping[str, Mapping[str, Any]],
) -> Iterator[str]:
    """URNs of the templates that a group may start from while their id is not known.

    A state tells what a property depends on, an event does not: there a group and its template
    are the children of one component.
    """
    named = props[group["urn"]].get(_TEMPLATE)
    if not isinstance(named, Mapping) or named.get("id") != UNKNOWN:
        return
    for each in resources:
        if each["type"] == LAUNCH_TEMPLATE and each.get("parent") == group.get("parent"):
            yield each["urn"]
