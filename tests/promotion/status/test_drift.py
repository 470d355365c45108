"""Drift as a status tells it; what the engine says: tests/engine."""

import pytest

from durable.places import PACKAGE_ROOT
from promotion.drift import GONE, Drift, DriftOutcome, PropertyDrift, ResourceDrift
from promotion.pulumi_stack import PulumiStack
from promotion.status import drift as status_drift
from promotion.status.report import DriftSeen, DriftVerdict

_URN = "urn:pulumi:dev::moe-serving::kubernetes:apps/v1:Deployment::vllm"
_SCALED = ResourceDrift(
    "vllm",
    "kubernetes:apps/v1:Deployment",
    _URN,
    "update",
    (PropertyDrift("spec.replicas", "update", 4, 6),),
)
_DELETED = ResourceDrift("group", "aws:eks/nodeGroup:NodeGroup", _URN, GONE)


@pytest.mark.parametrize(
    ("drift", "seen"),
    [
        (Drift("dev", DriftOutcome.NONE), DriftSeen(DriftVerdict.NONE, "", [])),
        (Drift("dev", DriftOutcome.NEVER_DEPLOYED), DriftSeen(DriftVerdict.NONE, "", [])),
        (
            Drift("dev", DriftOutcome.ERROR, reason="unreachable"),
            DriftSeen(DriftVerdict.UNKNOWN, "unreachable", []),
        ),
        (
            Drift("dev", DriftOutcome.DRIFTED, [_SCALED, _DELETED]),
            DriftSeen(
                DriftVerdict.FOUND,
                "2 resources changed past Pulumi",
                [
                    "Deployment vllm: spec.replicas is 6, recorded is 4",
                    "NodeGroup group: is gone",
                ],
            ),
        ),
    ],
)
def test_each_outcome_has_its_verdict(
    monkeypatch: pytest.MonkeyPatch, drift: Drift, seen: DriftSeen
) -> None:
    monkeypatch.setattr(status_drift, "drift_of", lambda stack: drift)
    stack = PulumiStack.of("dev", PACKAGE_ROOT)
    assert status_drift.drift_seen(stack) == seen
