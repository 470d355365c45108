"""What `moe check` says, as gates."""

import pytest

from gate.report import Item, Section, Step
from gate.report import Outcome as Judged
from policies.finding import Kind
from promotion.gate import GateResult, Outcome
from promotion.gates.of_check import GATES, judge

ALL = ("settings", "preview", "policies", "alert rules", "promtool")


def item(refuses: bool = True, kind: Kind = Kind.VIOLATION) -> Item:
    return Item("pinned", kind.value, "mandatory", "high", "by-tag", "urn:x", "has a tag", refuses)


def gates(*steps: Step, needs_promtool: bool = True) -> dict[str, GateResult]:
    found = judge(Section("staging", steps), needs_promtool=needs_promtool)
    assert [each.gate for each in found] == list(GATES)
    return {each.gate: each for each in found}


def steps(**outcomes: Judged) -> list[Step]:
    """All have passed, unless said otherwise."""
    return [
        Step(name, outcomes.get(name.replace(" ", "_"), Judged.PASSED), f"{name}: seen")
        for name in ALL
    ]


def test_all_passed() -> None:
    found = gates(*steps())
    assert {each.outcome for each in found.values()} == {Outcome.PASSED}
    assert found["alert rules"].evidence == "alert rules: seen; promtool: seen"
    assert found["policies"].evidence == "policies: seen"


@pytest.mark.parametrize("outcome", [Judged.REFUSED, Judged.ERROR])
@pytest.mark.parametrize("name", ALL)
def test_a_step_that_did_not_pass_fails_its_gate_alone(name: str, outcome: Judged) -> None:
    found = gates(*steps(**{name.replace(" ", "_"): outcome}))
    gate = "alert rules" if name == "promtool" else name
    failed = {key for key, each in found.items() if each.outcome == Outcome.FAILED}
    assert failed == {gate}
    assert found[gate].remedy
    assert "{stack}" not in found[gate].remedy


def test_a_skipped_promtool_could_not_be_checked() -> None:
    found = gates(*steps(promtool=Judged.SKIPPED))
    assert found["alert rules"].outcome == Outcome.COULD_NOT_CHECK
    assert "--promtool" in found["alert rules"].remedy
    refused = gates(*steps(promtool=Judged.SKIPPED, alert_rules=Judged.REFUSED))
    assert refused["alert rules"].outcome == Outcome.FAILED


def test_a_rollback_need_not_wait_for_promtool_but_hears_it() -> None:
    found = gates(*steps(promtool=Judged.SKIPPED), needs_promtool=False)
    assert found["alert rules"].outcome == Outcome.PASSED
    for outcome in (Judged.REFUSED, Judged.ERROR):
        found = gates(*steps(promtool=outcome), needs_promtool=False)
        assert found["alert rules"].outcome == Outcome.FAILED
    found = gates(*steps(promtool=Judged.SKIPPED, alert_rules=Judged.ERROR), needs_promtool=False)
    assert found["alert rules"].outcome == Outcome.FAILED


@pytest.mark.parametrize("ran", range(len(ALL)))
def test_steps_that_did_not_come_to_run_could_not_be_checked(ran: int) -> None:
    found = gates(*steps()[:ran])
    for name in ALL[ran:]:
        gate = found["alert rules" if name == "promtool" else name]
        assert gate.outcome == Outcome.COULD_NOT_CHECK
        assert "earlier step" in gate.evidence


def test_details_are_of_what_refuses() -> None:
    (settings, preview, _, *rest) = steps()
    blind = item(kind=Kind.COULD_NOT_CHECK)
    policies = Step("policies", Judged.REFUSED, "3", (item(refuses=False), item(), blind))
    found = gates(settings, preview, policies, *rest)["policies"]
    assert list(found.details) == [
        "pinned: by-tag: has a tag",
        "pinned: could not check by-tag: has a tag",
    ]
    assert "stacks/Pulumi.staging.yaml" in found.remedy
