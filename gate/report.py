"""The report of one run of `moe check`: what each format renders, and nothing else.

A report has one section a stack, or one for a set of manifests. A section has steps in
the order in which they ran, and what they found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from catalog.waivers import Waiver


class Outcome(StrEnum):
    """Of a step. `skipped` always has a reason."""

    PASSED = "passed"
    REFUSED = "refused"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Place:
    """A file of the change, relative to its root; `line` is 1-based, None where it has none."""

    file: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a step found.

    `rule` is a policy's name, an alert's, or a key of the settings; `resource` is the name by
    which a waiver names it. `level` is mandatory, advisory or remediate, `severity` low to
    critical; `kind` is "violation" or "could not check". Only what `refuses` stops the gate.
    """

    rule: str
    kind: str
    level: str
    severity: str
    resource: str
    urn: str
    message: str
    refuses: bool
    remediation: str = ""
    url: str = ""
    waiver: Waiver | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What the engine would do to one resource.

    `operation` is the engine's word (create, update, replace, delete, ...); `keys` are the
    properties that differ, those that force a replacement in `replace_keys`.
    """

    operation: str
    urn: str
    type: str
    name: str
    protected: bool
    keys: Sequence[str] = ()
    replace_keys: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class CostChange:
    """US dollars an hour at one number of nodes, of the base and of the change.

    `at` is min_nodes, desired_nodes or max_nodes. None where a price or the base is missing.
    """

    at: str
    before_usd_per_hour: float | None
    after_usd_per_hour: float | None


@dataclass(frozen=True, slots=True)
class Step:
    """One check of a section, with what it found and how long it took."""

    name: str
    outcome: Outcome
    summary: str
    items: Sequence[Item] = ()
    duration_s: float = 0.0


def judged(name: str, items: Sequence[Item], summary: str, *, duration_s: float = 0.0) -> Step:
    """A step that refuses where one of its items does."""
    refused = any(item.refuses for item in items)
    outcome = Outcome.REFUSED if refused else Outcome.PASSED
    return Step(name, outcome, summary, items, duration_s)


def of_policies(items: Sequence[Item], *, duration_s: float = 0.0) -> Step:
    """What the pack found."""
    refusing = sum(item.refuses for item in items)
    waived = sum(item.waiver is not None for item in items)
    summary = f"findings: {len(items)}, refusing: {refusing}, waived: {waived}"
    return judged("policies", items, summary, duration_s=duration_s)


def unused(waivers: Sequence[Waiver], steps: Sequence[Step]) -> tuple[Waiver, ...]:
    """Those that let nothing pass."""
    used = {item.waiver for step in steps for item in step.items}
    return tuple(waiver for waiver in waivers if waiver not in used)


@dataclass(frozen=True, slots=True)
class Section:
    """One stack, or one set of manifests.

    `base` is what `changes` and `costs` are measured against, such as a git commit; empty
    where they are not. `unused_waivers` let nothing pass in this run.
    """

    name: str
    steps: Sequence[Step]
    base: str = ""
    changes: Sequence[Change] = ()
    costs: Sequence[CostChange] = ()
    waivers: Sequence[Waiver] = ()
    unused_waivers: Sequence[Waiver] = ()

    @property
    def outcome(self) -> Outcome:
        return worst([step.outcome for step in self.steps])

    @property
    def items(self) -> list[Item]:
        return [item for step in self.steps for item in step.items]


@dataclass(frozen=True, slots=True)
class Report:
    """All sections, and the version of the pack that judged them."""

    sections: Sequence[Section]
    pack_version: str

    @property
    def outcome(self) -> Outcome:
        return worst([section.outcome for section in self.sections])


def worst(outcomes: Sequence[Outcome]) -> Outcome:
    """An error before a refusal: nobody knows what it hides. A skipped step passes."""
    for outcome in (Outcome.ERROR, Outcome.REFUSED):
        if outcome in outcomes:
            return outcome
    return Outcome.PASSED
