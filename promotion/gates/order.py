"""A release comes from the stack before, and came there in the same way: no stack is skipped."""

from collections.abc import Sequence

from catalog.project import PROJECT
from promotion.gate import GateResult, failed, passed
from promotion.record import Entry
from promotion.release import SHOWN_DIGITS, Release
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
