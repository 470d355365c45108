"""Does what was judged: record, stack file, commit, `up` by the plan, record."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from durable.locks import LockHeldError, held_lock
from gate.formats.printable import one_line
from promotion import steps
from promotion.anchor import anchored
from promotion.author import Author
from promotion.commit import commit_here, commit_on_branch, refuse_uncommitted, uncommitted
from promotion.errors import NothingToDoError, RefusedError
from promotion.gates import record
from promotion.judge import Judged, Repository
from promotion.locks import move_lock
from promotion.places import RECORD
from promotion.proposal import Move, Proposal
from promotion.record import Entry, open_entry, read, text_of
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

    The second is told who is first: RefusedError. In two checkouts the backend tells, by its lock
    or by its history.
    """
    lock = move_lock(repository.root, stack)
    try:
        with held_lock(lock, purpose, on_wait=lambda holder: None, wait_seconds=0):
            yield
    except LockHeldError as error:
        raise RefusedError(str(error)) from None


def carry_out(found: Judged, repository: Repository, how: How) -> Done:
    """Raises RefusedError, PromotionError, and NothingToDoError where the target runs it."""
    proposal = found.proposal
    refuse(proposal)
    steps.check_file(proposal, repository)
    entry = steps.begun_entry(proposal, repository)
    if how.branch:
        refuse_uncommitted(repository.root, RECORD / entry.target)
        commit = commit_on_branch(
            repository.root, how.branch, _contents(entry, proposal, repository), markdown(proposal)
        )
        return Done(entry, (commit,))
    steps.begin(entry, repository)
    steps.write(proposal, repository)
    commits = _begun_committed(how, found, repository)
    if not how.up:
        return Done(entry, commits)
    end, ended = _up(entry, found, repository, how)
    return Done(end, (*commits, *ended))


def _up(
    entry: Entry, found: Judged, repository: Repository, how: How
) -> tuple[Entry, tuple[str, ...]]:
    """The end, which is committed where it is a failure too: history must not lack it."""
    commits: tuple[str, ...] = ()
    try:
        end = steps.up(entry, found, repository)
    finally:
        entries = repository.record(entry.target)
        last = entries.last
        if last is not None and last.ends == entry.number:
            words = f"{found.proposal.move}: {last.stage}\n"
            commits = _committed(how, repository, entry.target, words)
    return end, commits


def _contents(entry: Entry, proposal: Proposal, repository: Repository) -> dict[Path, str]:
    """What a branch gets: the stack's file, the entry and the release."""
    release = proposal.move.release
    return {
        stack_file(entry.target, repository.root / "stacks"): proposal.file_after,
        repository.record(entry.target).file(entry.number): text_of(entry),
        repository.releases.file(release): release_text(release),
    }


@contextmanager
def rest_committed(how: How, repository: Repository, stack: str, *others: Path) -> Iterator[None]:
    """Where there is nothing to do, what moves before this one have left is committed all the same.

    One that was killed between its end and its commit is such a one.
    """
    try:
        yield
    except NothingToDoError as nothing:
        words = f"Record of {stack}: what was not committed yet\n"
        commits = _committed(how, repository, stack, words, *others)
        if not commits:
            raise
        told = f"{nothing}; committed what was not yet, as {commits[0][:SHOWN_DIGITS]}"
        raise NothingToDoError(told) from None


def _begun_committed(how: How, found: Judged, repository: Repository) -> tuple[str, ...]:
    proposal = found.proposal
    file = stack_file(proposal.move.target, repository.root / "stacks")
    release = repository.releases.file(proposal.move.release)
    target = proposal.move.target
    return _committed(how, repository, target, markdown(proposal), file, release)


def _committed(
    how: How, repository: Repository, stack: str, message: str, *others: Path
) -> tuple[str, ...]:
    """With all of the record that is not committed yet, and the releases that it names.

    Entries of a move that was cut off, or done without --commit, are missed by every other clone.
    """
    if not how.commit:
        return ()
    record, root = repository.record(stack), repository.root
    new = {root / name for name in uncommitted(root, RECORD / stack)}
    entries = [path for path in record.files() if path in new]
    ids = {read(path).release for path in entries}
    releases = [repository.releases.file(repository.releases.get(each)) for each in ids]
    commit = commit_here(root, sorted({*others, *entries, *releases}), message)
    return (commit,) if commit else ()


def refuse(proposal: Proposal) -> None:
    """Raises RefusedError where a gate refuses, or another move is half done.

    NothingToDoError where the target runs the release already.
    """
    open_move = proposal.interrupted
    move = proposal.move
    if proposal.is_done and not any(gate.gate == record.GATE for gate in proposal.refusing):
        raise NothingToDoError(f"{move.target} runs release {move.release.short_id} already")
    refuse_another(open_move, move)
    if refusing := proposal.refusing:
        names = ", ".join(gate.gate for gate in refusing)
        raise RefusedError(f"refused by {len(refusing)} of {len(proposal.gates)} gates: {names}")


def refuse_another(open_move: Entry | None, move: Move) -> None:
    """Raises RefusedError where the promotion of another release is half done."""
    if open_move is not None and move.kind == "promotion" and open_move.release != move.release.id:
        raise RefusedError(
            f"{open_move.kind} of release {open_move.release[:SHOWN_DIGITS]} to {move.target} was"
            f" begun at {open_move.at} by {one_line(open_move.by)} and has not ended:"
            f" `{command(open_move)}` finishes it, `moe rollback {move.target} --why ... --yes`"
            " gives it up"
        )


def finishing(stack: str, by: Author, repository: Repository) -> tuple[Entry, Move]:
    """The entry that waits for its `up`, and the move to judge again before.

    Raises NothingToDoError where none waits, RefusedError where the file is not the one of it.
    """
    entry = open_entry(repository.record(stack))
    if entry is None:
        raise NothingToDoError(f"no promotion of {stack} waits for an `up`")
    path = stack_file(stack, repository.root / "stacks")
    if steps.digest_of(text_in(path)) != entry.file:
        raise RefusedError(
            f"{path.parent.name}/{path.name} is not the file that was gated; judge it again:"
            f" {command(entry)}"
        )
    release = repository.releases.get(entry.release)
    return entry, Move(entry.kind, entry.source, stack, release, by, entry.why, entry.by)


def finish(entry: Entry, found: Judged, repository: Repository, how: How) -> Done:
    """`up` of a move that was begun without: every gate again, and by the same plan.

    Raises RefusedError where a gate refuses now, or the plan is another.
    """
    if found.proposal.refusing:
        refuse(found.proposal)
    if found.proposal.plan != entry.plan:
        raise RefusedError(
            f"{entry.target}: the plan no longer matches what was gated as entry {entry.number} of"
            " the record: the program, the state or the world has changed since, or an interrupted"
            " `up` has done a part of it; judge it again:"
            f" {command(entry)}"
        )
    commits = _begun_committed(how, found, repository)
    end, ended = _up(entry, found, repository, how)
    return Done(end, (*commits, *ended))


def give_up(entry: Entry, by: Author, why: str, repository: Repository, how: How) -> Done:
    """Ends an open entry as failed, and does nothing else: the stack's file stays as it is.

    Raises RefusedError where its `up` may still run, or somebody has ended it.
    """
    stack = entry.target
    anchor = (entry.number, entry.hash)
    for update in repository.pulumi(stack).updates():
        if update.ended is None and anchored(update) == anchor:
            raise RefusedError(
                f"a pulumi up of it, begun at {update.started:%Y-%m-%d %H:%M} UTC, has not ended;"
                f" where nobody runs it: pulumi cancel --stack {stack}, pulumi refresh --stack"
                f" {stack}, then again"
            )
    end = steps.end_entry(entry, by, repository, f"given up: {why}")
    repository.record(stack).append(end)
    return Done(end, _committed(how, repository, stack, f"Promotion to {stack} given up: {why}\n"))


def command(entry: Entry) -> str:
    """What one types to do it, again."""
    release = entry.release[:SHOWN_DIGITS]
    if entry.kind == "rollback":
        why = shlex.quote(entry.why)
        return f"moe rollback {entry.target} --to {release} --why {why} --yes"
    return f"moe promote {entry.source} {entry.target} --release {release} --yes"
