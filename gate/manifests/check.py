"""Runs the pack over objects, and makes a report of what it finds."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from pulumi_policy import EnforcementLevel, Policy, PolicyResource
from pulumi_policy.proxy import unknown_checking_proxy

from catalog.project import PROJECT
from catalog.waivers import Waiver
from gate.manifests.lines import place_of
from gate.manifests.nodes import no_options, node_group
from gate.manifests.objects import Object, Objects
from gate.manifests.premises import why_not_run
from gate.policy_config import PolicyConfig
from gate.report import Item, Outcome, Place, Section, Step, of_policies, unused
from policies import declared, stack_config
from policies.finding import Finding, Kind
from policies.pack import Pack, Subject, listed
from policies.waivers.granted import SECTION as WAIVERS

_SHOWN_OTHERS = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """How to judge: `is_strict` lets what could not be checked refuse as well.

    `instance_types` are those of the nodes that the objects will run on.
    """

    instance_types: Sequence[str] = ()
    waivers: Sequence[Waiver] = ()
    waivers_file: str = ""
    policy_config: PolicyConfig = field(default_factory=PolicyConfig)
    is_strict: bool = False


def check(objects: Objects, asked: Asked) -> Section:
    policies = [each.policy for each in listed()]
    started_s = time.monotonic()
    findings = _findings(objects.found, [p for p in policies if why_not_run(p) is None], asked)
    by_name = {policy.name: policy for policy in policies}
    by_urn = {each.urn: each for each in objects.found}
    # What is of no object, but of all of them together, is shown at the first file.
    whole = Place(objects.found[0].file) if objects.found else None
    items = [_item(each, by_name[each.policy], by_urn, asked, whole) for each in findings]
    steps = [
        Step("read", Outcome.PASSED, _what_was_read(objects)),
        of_policies(items, duration_s=time.monotonic() - started_s),
        *_not_run(policies, asked.policy_config),
    ]
    waivers = tuple(asked.waivers)
    return Section("manifests", steps, waivers=waivers, unused_waivers=unused(waivers, steps))


def _findings(objects: Sequence[Object], policies: Sequence[Policy], asked: Asked) -> list[Finding]:
    """The pack keeps what it has seen of a stack in its modules: each run begins with nothing."""
    given = [waiver.model_dump(mode="json") for waiver in asked.waivers]
    stack_config.use({f"{PROJECT}:{WAIVERS}": json.dumps(given)})
    declared.forget()
    try:
        pack = Pack(policies, asked.policy_config.levels, asked.policy_config.settings)
        members = [_member(each) for each in objects]
        found: list[Finding] = []
        for member in members:
            subject = Subject(
                member.resource_type, member.name, member.urn, member.props, member.opts
            )
            found += pack.of_resource(subject)
        groups = [node_group(each) for each in asked.instance_types]
        found += pack.of_stack([*members, *groups])
        return found
    finally:
        declared.forget()
        stack_config.use({})


def _member(each: Object) -> PolicyResource:
    props = unknown_checking_proxy(each.props)
    return PolicyResource(each.type, props, each.urn, each.name, no_options(), None, None, [], {})


def _item(
    finding: Finding,
    policy: Policy,
    by_urn: Mapping[str, Object],
    asked: Asked,
    whole: Place | None,
) -> Item:
    of = by_urn.get(finding.urn)
    message, place = finding.message, whole
    if of is not None:
        place = place_of(of, finding.message)
        message += f" (rendered from {of.source})" if of.source else ""
    elif asked.waivers_file and "waivers" in (policy.tags or ()):
        place = Place(asked.waivers_file)
    refuses = finding.refuses and (asked.is_strict or finding.kind is Kind.VIOLATION)
    return Item(
        finding.policy,
        finding.kind.value,
        finding.level.value,
        finding.severity.value if finding.severity else "",
        finding.resource,
        finding.urn,
        message,
        refuses,
        policy.remediation_steps or "",
        policy.url or "",
        finding.waiver,
        place,
    )


def _what_was_read(objects: Objects) -> str:
    said = f"objects: {len(objects.found)}, files: {len(objects.files)}"
    if objects.others:
        shown = ", ".join(objects.others[:_SHOWN_OTHERS])
        more = len(objects.others) - _SHOWN_OTHERS
        said += (
            f"; no Kubernetes objects, so not judged: {shown}"
            f"{f' and {more} more documents' if more > 0 else ''}"
        )
    return said


def _not_run(policies: Sequence[Policy], config: PolicyConfig) -> Iterator[Step]:
    reasons = sorted(
        (why, policy.name)
        for policy in policies
        if (why := why_not_run(policy) or _why_disabled(policy, config)) is not None
    )
    for why, group in groupby(reasons, key=lambda each: each[0]):
        names = ", ".join(name for _, name in group)
        yield Step("policies not run", Outcome.SKIPPED, f"{why}: {names}")


def _why_disabled(policy: Policy, config: PolicyConfig) -> str | None:
    is_disabled = Pack([], config.levels).level(policy) is EnforcementLevel.DISABLED
    return "disabled by the policy configuration" if is_disabled else None
