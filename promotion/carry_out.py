"""Does what was judged: record, stack file, commit, `up` by the plan, record."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from durable.locks import held_lock
from durable.places import cache_root, checkout_key
from promotion import steps
from promotion.author import Author
from promotion.commit import commit_here, commit_on_branch
from promotion.errors import NothingToDoError, RefusedError
from promotion.judge import Judged, Repository, judged
from promotion.proposal import Move, Proposal
from promotion.record import Entry, open_entry, text_of
from promotion.release import SHOWN_DIGITS
from promotion.release_store import text_of as release_text
from promotion.report import markdown
from promotion.stack_file import text_in
from stacks.reading import stack_file


@dataclass(frozen=True, slots=True)
class How:
    """`up` applies the plan at once, `commit` commits here, `branch` writes to a new one only."""

    up: bool = True
    commit: bool = False
    branch: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it: the last entry of the record, and commits in their order."""

    entry: Entry
    commits: tuple[str, ...] = ()


@contextmanager
def alone(repository: Repository, stack: str, purpose: str) -> Iterator[None]:
    """One move of a stack at a time in this checkout.

    The second is told who is first: LockHeldError. In two checkouts the record tells, or the
    backend's own lock.
    """
    key = checkout_key(repository.root)
    lock = cache_root() / "locks" / f"promotion-{key}-{stack}.lock"
    with held_lock(lock, purpose, on_wait=lambda holder: None, wait_seconds=0):
        yield


def carry_out(found: Judged, repository: Repository, how: How) -> Done:
    """Raises RefusedError, PromotionError, and NothingToDoError where the target runs it."""
    proposal = found.proposal
    refuse(proposal)
    entry = steps.begun_entry(proposal, repository)
    if how.branch:
        commit = commit_on_branch(
            repository.root, how.branch, _contents(entry, proposal, repository), markdown(proposal)
        )
        return Done(entry, (commit,))
    steps.begin(entry, repository)
    written = steps.write(proposal, repository)
    begun = repository.record(entry.target).file(entry.number)
    release = repository.releases.file(proposal.move.release)
    commits = _committed(how, repository, [written, begun, release], markdown(proposal))
    if not how.up:
        return Done(entry, commits)
    end = steps.up(entry, found, repository)
    ended = repository.record(end.target).file(end.number)
    words = f"{proposal.move}: applied\n"
    return Done(end, (*commits, *_committed(how, repository, [ended], words)))


def _contents(entry: Entry, proposal: Proposal, repository: Repository) -> dict[Path, str]:
    """What a branch gets: the stack's file, the entry and the release."""
    release = proposal.move.release
    return {
        stack_file(entry.target, repository.root / "stacks"): proposal.file_after,
        repository.record(entry.target).file(entry.number): text_of(entry),
        repository.releases.file(release): release_text(release),
    }


def _committed(
    how: How, repository: Repository, paths: Sequence[Path], message: str
) -> tuple[str, ...]:
    commit = commit_here(repository.root, paths, message) if how.commit else None
    return (commit,) if commit else ()


def refuse(proposal: Proposal) -> None:
    """Raises RefusedError where a gate refuses, or another move is half done.

    NothingToDoError where the target runs the release already.
    """
    open_move = proposal.interrupted
    move = proposal.move
    if proposal.is_done:
        raise NothingToDoError(f"{move.target} runs release {move.release.short_id} already")
    if open_move is not None and move.kind == "promotion" and open_move.release != move.release.id:
        raise RefusedError(
            f"{open_move.kind} of release {open_move.release[:12]} to {move.target} was begun at"
            f" {open_move.at} by {open_move.by} and has not ended: `{command(open_move)}` finishes"
            f" it, `moe rollback {move.target} --why ... --yes` gives it up"
        )
    if refusing := proposal.refusing:
        names = ", ".join(gate.gate for gate in refusing)
        raise RefusedError(f"refused by {len(refusing)} of {len(proposal.gates)} gates: {names}")


def finish(stack: str, by: Author, repository: Repository) -> tuple[Done, Proposal]:
    """`up` of a move that was begun with no `up`: by a plan that is the same as what was gated.

    Raises NothingToDoError where none waits, RefusedError where the file or the plan differs.
    """
    record = repository.record(stack)
    entry = open_entry(record)
    if entry is None:
        raise NothingToDoError(f"no promotion of {stack} waits for an `up`")
    path = stack_file(stack, repository.root / "stacks")
    again = f"judge it again: {command(entry)}"
    if steps.digest_of(text_in(path)) != entry.file:
        raise RefusedError(
            f"{path.parent.name}/{path.name} is not the file that was gated; {again}"
        )
    release = repository.releases.get(entry.release)
    move = Move(entry.kind, entry.source, stack, release, by, entry.why)
    with judged(move, repository, of_program_alone=True) as found:
        if refusing := found.proposal.refusing:
            names = ", ".join(gate.gate for gate in refusing)
            raise RefusedError(f"{stack}: what was gated is refused now by {names}; {again}")
        if found.proposal.plan != entry.plan:
            raise RefusedError(
                f"{stack}: the plan no longer matches what was gated as entry {entry.number} of the"
                f" record: the program, the state or the world has changed since; {again}"
            )
        return Done(steps.up(entry, found, repository)), found.proposal


def command(entry: Entry) -> str:
    """What one types to do it, again."""
    release = entry.release[:SHOWN_DIGITS]
    if entry.kind == "rollback":
        why = shlex.quote(entry.why)
        return f"moe rollback {entry.target} --to {release} --why {why} --yes"
    return f"moe promote {entry.source} {entry.target} --release {release} --yes"
