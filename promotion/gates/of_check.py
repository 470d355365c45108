"""Gates that `moe check` answers: the target's settings, preview, policies and alert rules."""

from collections.abc import Sequence

from gate.report import Outcome as Judged
from gate.report import Section, Step
from policies.finding import Kind
from promotion.gate import GateResult, could_not_check, failed, passed

PREVIEW = "preview"
WITHOUT_PROMTOOL = "put promtool on PATH, or let --promtool build it, once, in minutes"
"""What to do where a gate needs it."""

_FIXES = {
    "settings": "the target cannot take this release as it is: change its file first",
    PREVIEW: "pulumi preview --stack {stack} --policy-pack policies",
    "policies": "mend what is named, or waive it in stacks/Pulumi.{stack}.yaml",
    "alert rules": "docs/how-to/alerts.md",
}
_STEPS = {
    "settings": ("settings",),
    PREVIEW: ("preview",),
    "policies": ("policies",),
    "alert rules": ("alert rules", "promtool"),
}
GATES = tuple(_STEPS)


def judge(section: Section, *, needs_promtool: bool) -> list[GateResult]:
    """One result for each of GATES; a step that did not come to run could not be checked.

    A rollback need not wait for promtool: its rules have run before.
    """
    return [_of(gate, section, needs_promtool) for gate in GATES]


def _of(gate: str, section: Section, needs_promtool: bool) -> GateResult:
    steps = [step for step in section.steps if step.name in _STEPS[gate]]
    remedy = _FIXES[gate].format(stack=section.name)
    if len(steps) < len(_STEPS[gate]):
        return could_not_check(gate, "an earlier step has stopped the check", remedy=remedy)
    evidence = "; ".join(step.summary for step in steps)
    outcomes = {step.outcome for step in steps}
    details = [line for step in steps for line in _refusing(step)]
    if Judged.ERROR in outcomes or Judged.REFUSED in outcomes:
        return failed(gate, evidence, *details, remedy=remedy)
    if Judged.SKIPPED in outcomes and needs_promtool:
        return could_not_check(
            gate,
            evidence,
            remedy=WITHOUT_PROMTOOL,
        )
    return passed(gate, evidence)


def _refusing(step: Step) -> Sequence[str]:
    return [
        f"{item.rule}: {'could not check ' if item.kind == Kind.COULD_NOT_CHECK else ''}"
        f"{item.resource}: {item.message}"
        for item in step.items
        if item.refuses
    ]
