"""A release comes from the stack before, and came there in the same way: no stack is skipped.

A rollback leads to what the stack has run itself.
"""

from collections.abc import Sequence

from catalog.project import PROJECT
from promotion.anchor import anchored
from promotion.gate import GateResult, failed, passed
from promotion.pulumi_stack import Update
from promotion.record import Entry
from promotion.release import SHOWN_DIGITS, Release
from stacks.released import Released
from stacks.settings.promotion import Promotion

GATE = "order"


def judge(
    source: str,
    target: str,
    target_promotion: Promotion | None,
    source_promotion: Promotion | None,
    source_record: Sequence[Entry],
    release: Release,
) -> GateResult:
    """`source_record` has every entry of the source's record, oldest first."""
    if target_promotion is None or target_promotion.source is None:
        return _no_source(source, target, target_promotion)
    if target_promotion.source != source:
        return failed(
            GATE,
            f"releases come to {target} from {target_promotion.source}, not from {source}",
            remedy=f"moe promote {target_promotion.source} {target}",
        )
    if source == target:
        return failed(
            GATE,
            f"promotion.source of {target} names {target} itself",
            remedy="name the stack before it, or leave the key out where it is the first",
        )
    before = source_promotion.source if source_promotion else None
    if before is None:
        return passed(GATE, f"{target} follows {source}, which is the first stack")
    return _came_by_the_record(source, target, before, source_record, release)


def judge_rollback(
    target: str,
    target_record: Sequence[Entry],
    updates: Sequence[Update],
    runs: Released | None,
    release: Release,
) -> GateResult:
    """A rollback is asked for little, so it leads to nothing that `target` has never run.

    What an entry says that it replaced counts only where Pulumi has deployed that entry: anybody
    can write one. `runs` is what the target runs by its state.
    """
    if ran := [each for each in target_record if _was_applied(each, release)]:
        last = ran[-1]
        return passed(GATE, f"{target} ran it before: entry {last.number}, of {last.at}")
    deployed = set(map(anchored, updates))
    replaced = (
        entry.number
        for entry in target_record
        if entry.replaces == release.id and (entry.number, entry.hash) in deployed
    )
    if (number := next(replaced, None)) is not None:
        return passed(GATE, f"{target} ran it before entry {number}, which replaced it")
    if runs == release.contents:
        return passed(GATE, f"{target} runs it by its state")
    return failed(
        GATE,
        f"{target} never ran {release.short_id}, by its record and by Pulumi",
        remedy=f"moe history {target} shows what it ran; another release comes by a promotion",
    )


def _was_applied(entry: Entry, release: Release) -> bool:
    return entry.stage == "applied" and entry.release == release.id


def _no_source(source: str, target: str, promotion: Promotion | None) -> GateResult:
    if promotion is None:
        seen = f"stacks/Pulumi.{target}.yaml has no section {PROJECT}:promotion"
    else:
        seen = f"promotion.source of {target} is not set: as the first stack it takes no release"
    return failed(
        GATE,
        seen,
        "what is to be in its config:",
        f"  {PROJECT}:promotion:",
        f"    source: {source}",
        remedy=f"add the lines to stacks/Pulumi.{target}.yaml, and bring them to the main branch",
    )


def _came_by_the_record(
    source: str, target: str, before: str, record: Sequence[Entry], release: Release
) -> GateResult:
    if record and record[-1].stage == "begun":
        begun = record[-1]
        return failed(
            GATE,
            f"a {begun.kind} of {_short(begun.release)} to {source} has begun at {begun.at} and"
            " has not ended",
            remedy=f"run it again until it ends (`moe history {source}`)",
        )
    applied = next((entry for entry in reversed(record) if entry.stage == "applied"), None)
    if applied is None or applied.release != release.id:
        seen = f"{_short(applied.release)} of {applied.at}" if applied else "none"
        return failed(
            GATE,
            f"the release that the record of {source} has last is {seen}, not {release.short_id}:"
            f" it did not come by {before}",
            remedy=f"moe promote {before} {source} --release {release.short_id}",
        )
    evidence = (
        f"{target} follows {source}, where {release.short_id} came by a {applied.kind} at"
        f" {applied.at}"
    )
    later = [entry for entry in record if entry.number > applied.number]
    # Whether it left anything half done is what the gate on the source's state sees.
    details = [
        f"since then a {entry.kind} of {_short(entry.release)} to {source} failed at {entry.at}"
        for entry in later
        if entry.stage == "failed"
    ]
    return passed(GATE, evidence, *details)


def _short(release: str) -> str:
    return release[:SHOWN_DIGITS]
