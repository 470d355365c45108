"""A proposal as Markdown: the message of a commit, or a comment on a pull request."""

from collections.abc import Iterator

from gate.formats.printable import one_line
from promotion.gate import GateResult
from promotion.proposal import Proposal


def markdown(proposal: Proposal) -> str:
    return "\n".join(_lines(proposal)) + "\n"


def _lines(proposal: Proposal) -> Iterator[str]:
    move = proposal.move
    way = f"{move.source} to {move.target}" if move.source else f"to {move.target}"
    yield f"{move.kind.capitalize()} of release {move.release.short_id}, {way}"
    yield ""
    if move.why:
        yield f"Why: {one_line(move.why)}"
        yield ""
    yield f"By {move.by}. Release {move.release.id}."
    yield ""
    if proposal.changes:
        yield "| key | before | after |"
        yield "|---|---|---|"
    else:
        yield "No key of the stack's file changes."
    for change in proposal.changes:
        yield f"| {change.key} | {_cell(change.before)} | {_cell(change.after)} |"
    yield ""
    yield "| gate | outcome | evidence |"
    yield "|---|---|---|"
    for gate in proposal.gates:
        yield f"| {gate.gate} | {gate.outcome} | {_cell(_evidence(gate))} |"


def _evidence(gate: GateResult) -> str:
    waived = f" ({gate.waiver.shown()})" if gate.waiver else ""
    return f"{gate.evidence}{waived}"


def _cell(text: str | None) -> str:
    return one_line(text or "").replace("|", "\\|")
