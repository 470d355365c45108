"""What is read of a refresh, recorded from the real engine; how is tests/engine/test_drift.py's.

`recorded/` has lines of `--event-log` of `pulumi refresh --preview-only` on a sandbox: some of the
resources, with some of their properties.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from gate.stacks.engine import Run
from promotion.drift import Drift, DriftOutcome, PropertyDrift, drift_of, found_by
from promotion.errors import PromotionError
from promotion.property_path import ABSENT, SECRET
from promotion.pulumi_stack import PulumiStack, State
from tests.promotion.test_property_path import WRAPPED

RECORDED = Path(__file__).parent / "recorded"
URN = "urn:pulumi:local::moe-serving::kubernetes:core/v1:Secret::token"


def recorded(name: str, exit_code: int = 0, output: str = "") -> Run:
    lines = (RECORDED / f"{name}.jsonl").read_text().splitlines()
    return Run(exit_code, list(map(json.loads, lines)), output)


def one(metadata: Mapping[str, Any]) -> Run:
    """A refresh of one resource that differs."""
    step = {"op": "update", "urn": URN, "type": "kubernetes:core/v1:Secret", **metadata}
    return Run(0, [{"resOutputsEvent": {"metadata": step}}, {"summaryEvent": {}}], "")


def properties(run: Run) -> Sequence[PropertyDrift]:
    (change,) = found_by(run, "local").changes
    return change.properties


def test_a_stack_that_is_as_recorded_has_no_drift() -> None:
    drift = found_by(recorded("as-recorded"), "local")
    assert (drift.outcome, drift.changes) == (DriftOutcome.NONE, [])
    # Without components and providers, which no provider reads.
    assert drift.resources == 5


def test_each_property_is_told_as_it_was_recorded_and_as_it_is() -> None:
    drift = found_by(recorded("drifted"), "local")
    assert drift.outcome is DriftOutcome.DRIFTED
    image = "vllm/vllm-openai@sha256:"
    assert {
        (c.type.rsplit(":")[-1], c.name): (c.operation, c.properties) for c in drift.changes
    } == {
        ("PrometheusRule", "alerts"): ("delete", ()),
        ("LaunchTemplate", "moe-local-gpu"): (
            "update",
            (PropertyDrift("metadataOptions.httpTokens", "update", "required", "optional"),),
        ),
        ("NodeGroup", "moe-local-gpu"): (
            "update",
            (
                PropertyDrift("labels.by", "add", ABSENT, "hand"),
                PropertyDrift("scalingConfig.maxSize", "update", 2, 5),
            ),
        ),
        ("Deployment", "model-server"): (
            "update",
            (
                PropertyDrift(
                    "spec.template.spec.containers[0].image",
                    "update",
                    image + "3" * 64,
                    image + "9" * 64,
                ),
            ),
        ),
    }
    assert [change.is_gone for change in drift.changes].count(True) == 1


def test_the_order_is_not_the_one_in_which_providers_answered() -> None:
    run = recorded("drifted")
    other_way_round = Run(0, list(reversed(run.events)), "")
    assert found_by(other_way_round, "local") == found_by(run, "local")


def test_a_cluster_that_is_not_there_is_an_error_with_its_cause_first() -> None:
    drift = found_by(recorded("unreachable", exit_code=1), "local")
    assert (drift.outcome, drift.changes) == (DriftOutcome.ERROR, ())
    first, *others = drift.reason.splitlines()
    assert "connection refused" in first
    # To forget all that is in the cluster is no advice for somebody who asked what differs.
    assert "PULUMI_K8S_DELETE_UNREACHABLE" not in drift.reason
    assert len(others) == 1
    assert "DescribeNodegroup" in others[0]


def test_a_provider_that_was_told_to_answer_for_a_cluster_it_cannot_reach_is_not_believed() -> None:
    run = recorded("skipped-unreachable")
    assert run.events[-2]["summaryEvent"]["result"] == "succeeded"
    drift = found_by(run, "local")
    assert drift.outcome is DriftOutcome.ERROR
    assert "getting credentials" in drift.reason


def test_a_refresh_that_was_killed_says_nothing_of_what_it_did_not_reach() -> None:
    events = [each for each in recorded("as-recorded").events if "summaryEvent" not in each]
    assert found_by(Run(0, events, "half"), "local").outcome is DriftOutcome.ERROR
    killed = found_by(Run(-9, events, ""), "local")
    assert "-9" in killed.reason


def test_what_was_printed_is_the_reason_where_no_event_says_one() -> None:
    run = Run(255, [], "error: incorrect passphrase\n")
    assert found_by(run, "local").reason == "error: incorrect passphrase"


def test_of_a_secret_only_that_it_differs_is_told() -> None:
    """Also where the provider answered it as plain text."""
    state = {"inputs": {"data": {"token": WRAPPED}}, "outputs": {"data": {"token": WRAPPED}}}
    plain = {"inputs": {"data": {"token": "hunter2"}}, "outputs": {"data": {"token": "hunter2"}}}
    for new in (state, plain):
        diff = {"data.token": {"diffKind": "update", "inputDiff": False}}
        run = one({"old": state, "new": new, "detailedDiff": diff})
        assert properties(run) == (PropertyDrift("data.token", "update", SECRET, SECRET),)


def test_a_difference_that_would_replace_is_told_like_any_other() -> None:
    diff = {"a": {"diffKind": "delete-replace", "inputDiff": True}}
    run = one({"old": {"inputs": {"a": 1}}, "new": {"inputs": {}}, "detailedDiff": diff})
    assert properties(run) == (PropertyDrift("a", "delete", 1, ABSENT),)


def test_a_provider_that_names_no_paths_is_compared_by_its_keys() -> None:
    new = {"inputs": {"a": 2, "b": 1, "s": WRAPPED}}
    old = {"inputs": {"a": 1, "b": 1, "s": WRAPPED}}
    run = one({"diffs": ["a", "s"], "old": old, "new": new, "detailedDiff": None})
    assert properties(run) == (
        PropertyDrift("a", "update", 1, 2),
        PropertyDrift("s", "update", SECRET, SECRET),
    )


def test_of_what_pulumi_only_reads_the_outputs_are_compared() -> None:
    old = {"external": True, "outputs": {"a": 1, "gone": 1, "s": WRAPPED}}
    run = one({"old": old, "new": {"outputs": {"a": 2, "new": 1, "s": WRAPPED}}})
    assert properties(run) == (
        PropertyDrift("a", "update", 1, 2),
        PropertyDrift("gone", "delete", 1, ABSENT),
        PropertyDrift("new", "add", ABSENT, 1),
    )


@dataclass
class Recorded:
    """Answers as a stack does; its states one after the other, the last one ever after."""

    states: list[State | PromotionError | None]
    run: Run = field(default_factory=lambda: recorded("as-recorded"))
    name: str = "local"
    asked: int = 0

    def state(self) -> State | None:
        answer = self.states[0] if len(self.states) == 1 else self.states.pop(0)
        if isinstance(answer, PromotionError):
            raise answer
        return answer

    def refresh_preview(self) -> Run:
        self.asked += 1
        return self.run


def asked(stack: Recorded) -> Drift:
    return drift_of(cast(PulumiStack, stack))


PROVIDER = {"type": "pulumi:providers:aws", "urn": "p", "custom": True}
UP = State([PROVIDER, {"type": "aws:ec2/vpc:Vpc", "urn": "v", "custom": True}])


@pytest.mark.parametrize(
    "state", [None, State([]), State([{"type": "pulumi:pulumi:Stack", "urn": "s"}, PROVIDER])]
)
def test_what_was_never_deployed_is_not_asked_for(state: State | None) -> None:
    stack = Recorded([state])
    assert asked(stack).outcome is DriftOutcome.NEVER_DEPLOYED
    assert stack.asked == 0


def test_in_the_middle_of_an_update_nothing_is_compared() -> None:
    pending = [{"type": "creating", "resource": {"urn": URN}}]
    stack = Recorded([State(UP.resources, pending)])
    drift = asked(stack)
    assert drift.outcome is DriftOutcome.ERROR
    assert "creating token" in drift.reason
    assert stack.asked == 0


def test_drift_that_an_update_made_meanwhile_is_none() -> None:
    later = State([*UP.resources, {"type": "t", "urn": URN}])
    drift = asked(Recorded([UP, later], recorded("drifted")))
    assert drift.outcome is DriftOutcome.ERROR
    assert "ask again" in drift.reason
    assert asked(Recorded([UP], recorded("drifted"))).outcome is DriftOutcome.DRIFTED


def test_a_backend_that_does_not_answer_is_an_error() -> None:
    drift = asked(Recorded([PromotionError("no login")]))
    assert (drift.outcome, drift.reason) == (DriftOutcome.ERROR, "no login")
