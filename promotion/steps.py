"""The steps of a move once its gates have passed, each of which may be the last before a crash.

Whatever is left behind, the same command goes on from there: it judges again, and writes a begun
entry that takes up the one that was interrupted.
"""

import hashlib
from pathlib import Path

from durable.files import replace_file, write_private
from gate.formats.printable import one_line
from gate.stacks import events
from gate.stacks.engine import Run
from promotion.anchor import message
from promotion.author import Author
from promotion.errors import PromotionError, RefusedError
from promotion.judge import Judged, Repository
from promotion.locks import is_locked, release_dead_lock, up_note
from promotion.proposal import Proposal
from promotion.pulumi_stack import newest_update
from promotion.record import Entry, GateSaid
from promotion.stack_file import text_in
from stacks.reading import stack_file

_CHANGED_SINCE = (
    "somebody else has changed the stack since it was judged; look at `moe history`, then try again"
)
_REFUSALS = (_CHANGED_SINCE, "violates plan", "not allowed by the plan")
"""The last two are the engine's words where an `up` would exceed its plan."""
_LAST_LINES = 6
_MOST_CHARACTERS = 2000


def begun_entry(proposal: Proposal, repository: Repository) -> Entry:
    """The entry that says what is about to happen; nothing is written."""
    move = proposal.move
    return repository.record(move.target).next(
        proposal.after,
        kind=move.kind,
        stage="begun",
        by=str(move.by),
        source=move.source,
        release=move.release.id,
        replaces=proposal.replaces.id if proposal.replaces else None,
        gates=tuple(GateSaid.of(gate) for gate in proposal.gates),
        plan=proposal.plan,
        file=digest_of(proposal.file_after),
        continues=proposal.interrupted.number if proposal.interrupted else None,
        why=move.why,
    )


def begin(entry: Entry, repository: Repository) -> None:
    """Raises RefusedError where somebody was first."""
    repository.record(entry.target).append(entry)


def write(proposal: Proposal, repository: Repository) -> None:
    """Puts the release into the stack's file."""
    path = stack_file(proposal.move.target, repository.root / "stacks")
    if text_in(path) != proposal.file_after:
        replace_file(path, proposal.file_after)


def check_file(proposal: Proposal, repository: Repository) -> Path:
    """The stack's file; raises RefusedError where somebody has edited it since it was judged."""
    path = stack_file(proposal.move.target, repository.root / "stacks")
    if text_in(path) not in (proposal.file_before, proposal.file_after):
        raise RefusedError(f"{path.parent.name}/{path.name} was edited while it was judged; again")
    return path


def up(entry: Entry, judged: Judged, repository: Repository) -> Entry:
    """Applies the plan, and nothing that exceeds it; the entry that ends the begun one.

    Raises RefusedError where the plan no longer matches, PromotionError where `pulumi` fails, with
    the end on record in both cases; KeyboardInterrupt, and a lock that
    somebody holds, leave the begun entry open.
    """
    why = _changed_since(judged) or _apply(entry, judged, repository)
    if is_locked(why):
        # Whoever works there may be the `up` of this very entry, whose `moe` was killed.
        raise PromotionError(f"{entry.target}: {why}; the same command goes on once that has ended")
    end = end_entry(entry, judged.proposal.move.by, repository, why)
    repository.record(entry.target).append(end)
    if not why:
        return end
    refused = any(words in why for words in _REFUSALS)
    raise (RefusedError if refused else PromotionError)(f"{entry.target}: {why}")


def end_entry(entry: Entry, by: Author, repository: Repository, why: str) -> Entry:
    record = repository.record(entry.target)
    return record.next(
        entry,
        kind=entry.kind,
        stage="failed" if why else "applied",
        by=str(by),
        source=entry.source,
        release=entry.release,
        replaces=entry.replaces,
        plan=entry.plan,
        file=entry.file,
        ends=entry.number,
        why=why,
    )


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _changed_since(judged: Judged) -> str:
    """Empty where no update of the stack has begun since it was judged."""
    now = newest_update(judged.target.updates())
    return "" if now == judged.proposal.newest_update else _CHANGED_SINCE


def _apply(entry: Entry, judged: Judged, repository: Repository) -> str:
    """What went wrong; empty where the stack runs the release."""
    repository.tell(f"{entry.target}: pulumi up by the plan")
    note = up_note(repository.root, entry.target)
    # None of ours was left behind where nothing was killed here.
    was_killed = note.exists()
    write_private(note, f"{entry.hash}\n")
    run = _up(entry, judged)
    if run.exit_code != 0 and was_killed and release_dead_lock(run.output, judged.target):
        repository.tell(f"{entry.target}: pulumi up again, past the lock of a process that is gone")
        run = _up(entry, judged)
    if not (was_killed and is_locked(run.output)):
        note.unlink(missing_ok=True)
    return _why_not(run) if run.exit_code else _not_as_released(judged)


def _up(entry: Entry, judged: Judged) -> Run:
    return judged.target.in_folder(judged.program.folder).run(
        *("up", "--yes", "--skip-preview", "--plan", str(judged.program.plan)),
        *("--policy-pack", str(judged.program.folder / "policies")),
        *("--message", message(entry)),
    )


def _why_not(run: Run) -> str:
    said = events.errors(run.events) or run.output.strip().splitlines()[-_LAST_LINES:]
    return one_line(" ".join(said))[:_MOST_CHARACTERS]


def _not_as_released(judged: Judged) -> str:
    """Empty where the state says that the release runs."""
    state = judged.target.state()
    if state is not None and state.released == judged.proposal.move.release.contents:
        return ""
    return "pulumi came to its end, but the state does not say that the release runs"
