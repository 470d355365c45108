"""Which release a stack goes back to."""

from promotion.errors import NothingToDoError, PromotionError
from promotion.judge import Repository
from promotion.record import Entry, applied, open_entry
from promotion.release import SHOWN_DIGITS, Release


def release_to_go_back_to(stack: str, digits: str | None, repository: Repository) -> Release:
    """The one asked for, which the stack must have run; else the one that it ran before.

    From a promotion that failed or was interrupted one goes back to the last that came to its end;
    such a rollback goes on; one that somebody has done already is nothing to do. Raises
    PromotionError, NothingToDoError.
    """
    record = repository.record(stack)
    ran = [entry.release for entry in applied(record)]
    if digits is not None:
        wanted = repository.releases.get(digits)
        known = {*ran, *(entry.replaces for entry in record)}
        if wanted.id not in known:
            raise PromotionError(
                f"--to {digits}: {stack} never ran release {wanted.short_id}; `moe history {stack}`"
                " shows what it ran"
            )
        return wanted
    last = record.last
    if last is None:
        raise NothingToDoError(f"the record of {stack} is empty: nothing was promoted there")
    if last.stage != "applied":
        # What ran before a rollback is what somebody wants to get away from.
        goes_on = last.kind == "rollback"
        before = last.release if goes_on else ran[-1] if ran else last.replaces
    elif last.kind == "rollback":
        raise NothingToDoError(
            f"{stack} was rolled back to {last.release[:SHOWN_DIGITS]} at {last.at} already; --to"
            " names another release"
        )
    else:
        before = _before_the_last(ran) or last.replaces
    if before is None:
        raise NothingToDoError(f"the record of {stack} has no release before this one")
    return repository.releases.get(before)


def to_give_up(stack: str, repository: Repository) -> Entry | None:
    """The open promotion of a stack that has never run a release: there is none to go back to."""
    record = repository.record(stack)
    opened = open_entry(record)
    is_first = opened is not None and opened.kind == "promotion" and opened.replaces is None
    return opened if is_first and not applied(record) else None


def _before_the_last(ran: list[str]) -> str | None:
    """The last one that is another than what runs now."""
    return next((release for release in reversed(ran) if release != ran[-1]), None)
