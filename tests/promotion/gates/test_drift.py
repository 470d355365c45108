"""What the drift gates make of each outcome."""

import pytest

from promotion.drift import Drift, DriftOutcome, PropertyDrift, ResourceDrift
from promotion.gate import Outcome
from promotion.gates.drift import SOURCE, TARGET, judge
from promotion.property_path import ABSENT

URN = "urn:pulumi:dev::moe-serving::kubernetes:apps/v1:Deployment::server"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def of(*properties: PropertyDrift, operation: str = "update") -> ResourceDrift:
    return ResourceDrift("server", DEPLOYMENT, URN, operation, properties)


def drifted(*changes: ResourceDrift) -> Drift:
    return Drift("dev", DriftOutcome.DRIFTED, changes, resources=60)


@pytest.mark.parametrize("gate", [SOURCE, TARGET])
def test_no_drift_passes_and_says_how_much_was_read(gate: str) -> None:
    result = judge(gate, Drift("dev", DriftOutcome.NONE, resources=60))
    assert (result.gate, result.outcome) == (gate, Outcome.PASSED)
    assert "all 60 resources" in result.evidence


@pytest.mark.parametrize("gate", [SOURCE, TARGET])
def test_drift_fails_with_each_property_before_and_after(gate: str) -> None:
    changes = (
        of(
            PropertyDrift("spec.replicas", "update", 2, 3),
            PropertyDrift("spec.x", "add", ABSENT, 1),
        ),
        of(operation="delete"),
        of(),
    )
    result = judge(gate, drifted(*changes))
    assert result.outcome is Outcome.FAILED
    assert result.evidence.startswith("dev: 3 of 60 resources")
    assert list(result.details) == [
        "Deployment server: spec.replicas is 3, recorded is 2",
        "Deployment server: spec.x is 1, recorded is (none)",
        "Deployment server: is gone",
        "Deployment server: update, and the provider names no property",
    ]
    assert "pulumi up --refresh --stack dev" in result.remedy


def test_of_very_much_drift_the_first_is_told_and_how_much_more_there_is() -> None:
    many = [PropertyDrift(f"p{number}", "update", 1, 2) for number in range(50)]
    result = judge(SOURCE, drifted(of(*many)))
    assert len(result.details) == 21
    assert result.details[-1] == "and 30 more: moe drift dev"


@pytest.mark.parametrize("gate", [SOURCE, TARGET])
def test_an_error_is_neither_pass_nor_fail(gate: str) -> None:
    result = judge(gate, Drift("dev", DriftOutcome.ERROR, reason="no login\nat all"))
    assert result.outcome is Outcome.COULD_NOT_CHECK
    assert result.details == ("no login", "at all")
    assert result.remedy


def test_a_first_promotion_finds_nothing_deployed_on_its_target_but_never_on_its_source() -> None:
    never = Drift("dev", DriftOutcome.NEVER_DEPLOYED)
    assert judge(TARGET, never).outcome is Outcome.PASSED
    assert "not deployed yet" in judge(TARGET, never).evidence
    source = judge(SOURCE, never)
    assert source.outcome is Outcome.FAILED
    assert "pulumi up --stack dev" in source.remedy
