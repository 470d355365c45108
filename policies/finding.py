"""What the pack says of a resource, after waivers."""

from dataclasses import dataclass
from enum import StrEnum

from pulumi_policy import EnforcementLevel, Severity

from catalog.waivers import STACK, Waiver


class Kind(StrEnum):
    """A rule that is broken, or one that could not be applied."""

    VIOLATION = "violation"
    COULD_NOT_CHECK = "could not check"


@dataclass(frozen=True, slots=True)
class Finding:
    """`level` is the policy's own; `waiver` lets the finding pass whatever that is.

    `urn` is empty where the finding is the whole stack's.
    """

    policy: str
    kind: Kind
    level: EnforcementLevel
    severity: Severity | None
    urn: str
    message: str
    waiver: Waiver | None = None

    @property
    def resource(self) -> str:
        """The name by which a waiver names it."""
        return resource_of(self.urn)

    @property
    def refuses(self) -> bool:
        """Whether a gate must stop at it. The engine stops at violations alone."""
        return self.waiver is None and self.level is not EnforcementLevel.ADVISORY


def resource_of(urn: str) -> str:
    return urn.rsplit("::", 1)[-1] or STACK
