"""Drift as a status tells it."""

from promotion.drift import DriftOutcome, drift_of
from promotion.drift_words import lines
from promotion.pulumi_stack import PulumiStack
from promotion.status.report import DriftSeen, DriftVerdict
from promotion.status.words import plural

_VERDICTS = {
    DriftOutcome.NONE: DriftVerdict.NONE,
    DriftOutcome.DRIFTED: DriftVerdict.FOUND,
    DriftOutcome.NEVER_DEPLOYED: DriftVerdict.NONE,
    DriftOutcome.ERROR: DriftVerdict.UNKNOWN,
}


def drift_seen(stack: PulumiStack) -> DriftSeen:
    """Asks by a refresh that writes nothing; never raises for what Pulumi cannot do."""
    drift = drift_of(stack)
    evidence = drift.reason
    if drift.changes:
        evidence = f"{plural(len(drift.changes), 'resource')} changed past Pulumi"
    return DriftSeen(_VERDICTS[drift.outcome], evidence, list(lines(drift)))
