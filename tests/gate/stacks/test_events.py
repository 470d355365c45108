"""What is read of the engine's events."""

from datetime import date

import pytest
from pulumi_policy import EnforcementLevel, Severity

from catalog.waivers import Waiver
from gate.report import Change, Item, Place
from gate.stacks import events
from policies.finding import Finding, Kind
from policies.pack import Pack
from policies.wording import worded
from tests.gate.stacks.recorded import ROOT, diagnostic, policy, step, urn

PINNED = "kubernetes-container-image-pinned"
DEPLOYMENT = urn("kubernetes:apps/v1:Deployment", "server")
PLACE = Place("stacks/Pulumi.dev.yaml")
WAIVER = Waiver(
    policy=PINNED, resource="server", reason="soon", owner="team", expires=date(2099, 1, 1)
)


def said(kind: Kind, waiver: Waiver | None) -> str:
    """By the pack itself, as it is told to the engine."""
    level, severity = EnforcementLevel.MANDATORY, Severity.HIGH
    return worded(Finding(PINNED, kind, level, severity, DEPLOYMENT, "found x", waiver))


def read(*recorded: events.Event, waivers: tuple[Waiver, ...] = ()) -> list[Item]:
    return events.findings(recorded, Pack(), waivers, PLACE)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("waiver", [None, WAIVER])
def test_what_the_pack_says_is_read_back(kind: Kind, waiver: Waiver | None) -> None:
    event = policy(PINNED, DEPLOYMENT, said(kind, waiver), "advisory")
    (item,) = read(event, waivers=(WAIVER,))
    assert (item.kind, item.message, item.waiver) == (kind.value, "found x", waiver)
    assert item.refuses is (waiver is None)
    assert (item.level, item.severity, item.resource) == ("mandatory", "high", "server")
    assert item.remediation
    assert item.url
    assert item.place == PLACE


def test_a_message_that_only_claims_a_waiver_refuses() -> None:
    event = policy(PINNED, DEPLOYMENT, said(Kind.VIOLATION, WAIVER), "advisory")
    assert read(event)[0].refuses
    other = WAIVER.model_copy(update={"resource": "another"})
    assert read(event, waivers=(other,))[0].refuses


def test_a_policy_that_a_configuration_made_advisory_does_not_refuse() -> None:
    pack = Pack(levels={PINNED: EnforcementLevel.ADVISORY})
    event = policy(PINNED, DEPLOYMENT, said(Kind.COULD_NOT_CHECK, None), "advisory")
    (item,) = events.findings([event], pack, (), PLACE)
    assert not item.refuses


def test_a_policy_of_another_pack_counts_as_the_engine_says() -> None:
    assert read(policy("theirs", DEPLOYMENT, "no"))[0].refuses
    assert not read(policy("theirs", DEPLOYMENT, "no", "advisory"))[0].refuses


def test_a_finding_of_the_whole_stack_is_named_as_a_waiver_names_it() -> None:
    assert read(policy("stack-waivers-hold", ROOT, "expired"))[0].resource == "stack"


def test_the_same_finding_twice_is_one() -> None:
    event = policy(PINNED, DEPLOYMENT, "no")
    assert len(read(event, event)) == 1


def test_a_replacement_is_one_change() -> None:
    node_group = "aws:eks/nodeGroup:NodeGroup"
    diff = {"keys": ["instanceTypes"], "detailedDiff": {"instanceTypes[0]": {}}}
    recorded = [
        step("same", "aws:ec2/vpc:Vpc", "net"),
        step("delete-replaced", node_group, "gpu", old={"protect": True}),
        step("replace", node_group, "gpu", **diff),
        step("create-replacement", node_group, "gpu", **diff),
        step("update", "aws:kms/key:Key", "key", old={}, new={"protect": True}, diffs=["tags"]),
    ]
    assert events.changes(recorded) == [
        Change(
            *("replace", urn(node_group, "gpu"), node_group, "gpu"),
            protected=True,
            keys=("instanceTypes[0]",),
            replace_keys=("instanceTypes",),
        ),
        Change(
            *("update", urn("aws:kms/key:Key", "key"), "aws:kms/key:Key", "key"),
            protected=True,
            keys=("tags",),
        ),
    ]


def test_errors_are_those_that_say_something() -> None:
    recorded = [
        diagnostic("<{%fg 1%}>no credentials<{%reset%}>\n"),
        diagnostic("only a warning", "warning"),
        diagnostic("no credentials"),
        diagnostic("preview failed\n"),
    ]
    assert events.errors(recorded) == ["no credentials"]


def test_what_the_pack_mends_is_told() -> None:
    mended = {"policyName": "kubernetes-workload-labels", "resourceUrn": DEPLOYMENT}
    (item,) = events.remedies([{"policyRemediationEvent": mended}], PLACE)
    assert (item.rule, item.resource, item.refuses) == (mended["policyName"], "server", False)
    assert "mended by the pack" in item.message


def test_warnings_are_told_once_and_apart_from_errors() -> None:
    told = [diagnostic(text, "warning") for text in ("slow\n", "slow\n", "old")]
    recorded = [*told, diagnostic("broken"), diagnostic("fine", "info")]
    assert events.warnings(recorded) == ["slow", "old"]
    assert events.errors(recorded) == ["broken"]


def test_an_engine_that_was_killed_has_not_ended() -> None:
    assert not events.has_ended([diagnostic("broken")])
    assert events.has_ended([{"summaryEvent": {"result": "failed"}}, {"cancelEvent": {}}])


def test_results_are_of_steps_that_have_ended() -> None:
    begun = step("refresh", "kubernetes:apps/v1:Deployment", "server")
    ended = {"resOutputsEvent": {"metadata": {"op": "update"}}}
    assert list(events.results([begun, ended])) == [{"op": "update"}]
