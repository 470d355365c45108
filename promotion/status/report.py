"""What runs where: one stack at a moment, with what is due there and what is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from catalog.waivers import Exemption
from promotion.pulumi_stack import Update
from promotion.record import Entry
from promotion.release import Release
from stacks.released import Released

HOUR = timedelta(hours=1)


class Runs(StrEnum):
    """What a stack runs, by its own state."""

    RELEASE = "release"
    NO_RELEASE = "not a release"
    NOTHING = "not deployed"
    UNKNOWN = "not known"


class DriftVerdict(StrEnum):
    """UNKNOWN where it was asked for and could not be told."""

    FOUND = "drift"
    NONE = "no drift"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class DriftSeen:
    """`evidence` is one line; `details` are further ones, such as a line for each resource."""

    verdict: DriftVerdict
    evidence: str = ""
    details: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Soak:
    """How long a release must still run here before it may move on to `target`.

    It may from `ends` on, when `left_hours` is 0.
    """

    target: str
    soak_hours: float
    left_hours: float
    ends: datetime

    @property
    def is_over(self) -> bool:
        return self.left_hours == 0


@dataclass(frozen=True, slots=True)
class WaiverSeen:
    """A waiver in a stack's file; `lets_pass` says what, expired or not."""

    lets_pass: str
    granted: Exemption
    expired: bool


class Standing(StrEnum):
    """A stack in two words; of several that are true the first one counts."""

    CANNOT_BE_ASKED = "cannot be asked"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    """Its newest update: what that has left half done soaks for nobody."""
    DRIFTED = "drifted"
    HAS_PROBLEM = "has a problem"
    UPDATING = "updating"
    NOT_DEPLOYED = "not deployed"
    NO_RELEASE = "not a release"
    READY = "ready"
    """To move on to every stack that takes releases from it."""
    SOAKING = "soaking"
    SETTLED = "settled"
    """Runs a release, and no stack waits for it."""

    @property
    def needs_a_look(self) -> bool:
        return self in _WORRIES


_WORRIES = frozenset(
    {
        Standing.CANNOT_BE_ASKED,
        Standing.INTERRUPTED,
        Standing.FAILED,
        Standing.DRIFTED,
        Standing.HAS_PROBLEM,
    }
)


@dataclass(frozen=True, slots=True)
class StackStatus:
    """One stack at the moment `asked_at`; what could not be told is None, or empty.

    `since` is the end of the newest update that may have changed anything, `usd_per_hour` what the
    stack costs at its first number of nodes, `unpriced` what is in no sum. `drift` is None where
    nobody asked for it. `running` and `failed` are the newest update, where it has not ended and
    where it did not succeed; `interrupted` is a promotion that was begun and never ended.
    """

    stack: str
    asked_at: datetime
    source: str | None = None
    runs: Runs = Runs.UNKNOWN
    release: Release | None = None
    contents: Released | None = None
    since: datetime | None = None
    running: Update | None = None
    failed: Update | None = None
    drift: DriftSeen | None = None
    soaks: Sequence[Soak] = ()
    waivers: Sequence[WaiverSeen] = ()
    usd_per_hour: float | None = None
    unpriced: Sequence[str] = ()
    interrupted: Entry | None = None
    problems: Sequence[str] = ()

    @property
    def age_hours(self) -> float | None:
        return None if self.since is None else max(0.0, (self.asked_at - self.since) / HOUR)

    @property
    def is_deployed(self) -> bool:
        return self.runs in (Runs.RELEASE, Runs.NO_RELEASE)

    @property
    def expired_waivers(self) -> int:
        return sum(waiver.expired for waiver in self.waivers)

    @property
    def next_to_expire(self) -> WaiverSeen | None:
        holding = [waiver for waiver in self.waivers if not waiver.expired]
        return min(holding, key=lambda waiver: waiver.granted.expires, default=None)

    @property
    def has_drift(self) -> bool:
        return self.drift is not None and self.drift.verdict is DriftVerdict.FOUND

    @property
    def standing(self) -> Standing:
        true = {
            Standing.CANNOT_BE_ASKED: self.problems and self.runs is Runs.UNKNOWN,
            Standing.INTERRUPTED: self.interrupted is not None,
            Standing.FAILED: self.failed is not None,
            Standing.DRIFTED: self.has_drift,
            Standing.HAS_PROBLEM: self.problems,
            Standing.UPDATING: self.running is not None,
            Standing.NOT_DEPLOYED: self.runs is Runs.NOTHING,
            Standing.NO_RELEASE: self.runs is Runs.NO_RELEASE,
            Standing.READY: self.soaks and all(soak.is_over for soak in self.soaks),
            Standing.SOAKING: self.soaks,
        }
        return next((each for each, holds in true.items() if holds), Standing.SETTLED)


@dataclass(frozen=True, slots=True)
class Report:
    """Stacks in promotion order, as they were at `asked_at` (UTC)."""

    asked_at: datetime
    stacks: Sequence[StackStatus]

    @property
    def has_problems(self) -> bool:
        return any(each.problems for each in self.stacks)

    @property
    def has_drift(self) -> bool:
        return any(each.has_drift for each in self.stacks)
