"""The source runs exactly this release: by its state, not by files.

The program's output says which release was brought up. It is not believed alone: an `up` of some
targets, one that ended half way, and an edited state leave resources that say something else.
"""

from collections.abc import Iterator, Sequence

from promotion.difference import KeyChange, difference
from promotion.errors import PromotionError
from promotion.gate import GateResult, could_not_check, failed, passed
from promotion.pulumi_stack import State, Update
from promotion.release import Release, as_rows
from promotion.runs import ALWAYS_THERE, named, parts
from stacks.released import Released

GATE = "source"
_OPERATIONS = frozenset({"update", "destroy", "refresh"})
_NOTHING = "nothing"


def judge(
    stack: str, state: State | None, updates: Sequence[Update], release: Release
) -> GateResult:
    """`state` and `updates` (newest first) are those of the source; None where it has no state."""
    if state is None or state.is_empty:
        return _failed(stack, f"{stack} is not deployed; {release.short_id} is demanded")
    try:
        said = state.released
    except PromotionError as error:
        return could_not_check(
            GATE,
            f"{stack}: its {error}",
            remedy=f"bring it up with the program of the release: pulumi up --stack {stack}",
        )
    problems = [*_unfinished(state, updates), *_said(said, release), *_seen(state, release)]
    if problems:
        return _failed(stack, f"{stack} does not run exactly {release.short_id}", *problems)
    checked = len({part.key for part in parts(state.resources, release.contents.model)})
    return passed(
        GATE,
        f"{stack} runs {release.short_id}: by its output, and by what {checked} kinds of its"
        " resources say",
    )


def _failed(stack: str, evidence: str, *details: str) -> GateResult:
    remedy = f"bring the release up there in full (pulumi up --stack {stack}), or promote what runs"
    return failed(GATE, evidence, *details, remedy=remedy)


def _unfinished(state: State, updates: Sequence[Update]) -> Iterator[str]:
    newest = next((each for each in updates if each.kind in _OPERATIONS), None)
    if newest is None:
        yield "no up is in its history"
    elif newest.result != "succeeded":
        yield f"its newest {newest.kind} ({newest.started:%Y-%m-%d %H:%M %Z}) is {newest.result}"
    elif newest.kind == "destroy":
        yield f"its newest operation is a destroy ({newest.started:%Y-%m-%d %H:%M %Z})"
    for operation in state.pending_operations:
        yield f"{named(operation['resource'])}: {operation['type']} was begun and has not ended"
    for resource in state.resources:
        if resource.get("delete"):
            yield f"{named(resource)}: the one that it replaced is still to be deleted"
        for error in resource.get("initErrors") or ():
            yield f"{named(resource)} is not ready: {' '.join(str(error).split())[:200]}"


def _said(said: Released | None, release: Release) -> Iterator[str]:
    if said is None:
        yield "its program has no output `release`"
        return
    # Which commit was checked out is not in a state; the digest of the program is.
    for change in difference(as_rows(release.contents), as_rows(said)):
        yield _line(change, "its output")


def _seen(state: State, release: Release) -> Iterator[str]:
    demanded = release.contents.settings
    found = list(dict.fromkeys(parts(state.resources, release.contents.model)))
    for part in found:
        if part.value != demanded.get(part.key):
            yield _line(KeyChange(part.key, demanded.get(part.key), part.value), part.resource)
    for key in ALWAYS_THERE:
        if key not in {part.key for part in found}:
            yield f"{key}: no resource shows one, the release has {demanded.get(key, _NOTHING)}"


def _line(change: KeyChange, where: str) -> str:
    runs, demanded = change.after or _NOTHING, change.before or _NOTHING
    return f"{change.key}: {where} has {runs}, the release {demanded}"
