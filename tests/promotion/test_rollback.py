"""Which release a rollback brings back, against a model that only knows what ran when."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promotion.errors import NothingToDoError, PromotionError
from promotion.judge import Repository
from promotion.record import Entry
from promotion.rollback import release_to_go_back_to
from tests.promotion.drawn_records import RELEASES, STACK, records, write
from tests.promotion.releases import append, release, store


def expected(entries: list[Entry]) -> str | None:
    """Walks through time with what runs, what ran before it, and what is to run next."""
    runs = before = None
    next_back: str | None = None
    for entry in entries:
        if entry.stage != "applied":
            next_back = entry.release if entry.kind == "rollback" else runs
            continue
        if entry.release != runs:
            runs, before = entry.release, runs
        next_back = None if entry.kind == "rollback" else before
    return next_back


def in_folder(folder: str) -> Repository:
    store(Path(folder), *RELEASES)
    return Repository(Path(folder), None)


@settings(deadline=None)
@given(records())
def test_it_is_what_the_model_says(entries: list[Entry]) -> None:
    """Drawn entries have no `replaces`: no release ran there before the record."""
    with tempfile.TemporaryDirectory() as folder:
        repository = in_folder(folder)
        write(Path(folder), entries)
        wanted = expected(entries)
        if wanted is None:
            is_done = bool(entries) and entries[-1].kind == "rollback"
            words = "was rolled back to" if is_done else "no release before|record of .* is empty"
            with pytest.raises(NothingToDoError, match=words):
                release_to_go_back_to(STACK, None, repository)
        else:
            assert release_to_go_back_to(STACK, None, repository).id == wanted


@settings(deadline=None)
@given(records(least_moves=1), st.sampled_from(RELEASES))
def test_what_is_asked_for_must_have_run(entries: list[Entry], number: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        repository = in_folder(folder)
        write(Path(folder), entries)
        wanted = release(number)
        if any((e.stage, e.release) == ("applied", wanted.id) for e in entries):
            found = release_to_go_back_to(STACK, wanted.id[:8], repository)
            assert found == wanted
        else:
            with pytest.raises(PromotionError, match=f"never ran release {wanted.short_id}"):
                release_to_go_back_to(STACK, wanted.id[:8], repository)


class TestBeforeTheRecord:
    """What the stack ran before its first move is in `replaces`."""

    @pytest.fixture
    def repository(self, tmp_path: Path) -> Repository:
        return in_folder(str(tmp_path))

    def move(
        self,
        repository: Repository,
        number: int,
        replaces: int,
        end: str = "applied",
        kind: str = "promotion",
    ) -> None:
        record = repository.record(STACK)
        said = {"replaces": release(replaces).id, "kind": kind}
        begun = append(record, "begun", release(number), **said)
        if end == "applied":
            append(record, "applied", release(number), ends=begun.number, **said)
        elif end == "failed":
            append(record, "failed", release(number), ends=begun.number, **said)

    def test_after_the_first_move(self, repository: Repository) -> None:
        self.move(repository, 2, replaces=1)
        assert release_to_go_back_to(STACK, None, repository) == release(1)

    def test_after_the_first_move_was_interrupted(self, repository: Repository) -> None:
        self.move(repository, 2, replaces=1, end="interrupted")
        assert release_to_go_back_to(STACK, None, repository) == release(1)

    def test_it_counts_as_run_where_it_is_asked_for(self, repository: Repository) -> None:
        self.move(repository, 2, replaces=1)
        assert release_to_go_back_to(STACK, release(1).id, repository) == release(1)

    def test_after_a_rollback_there_is_nothing_to_do(self, repository: Repository) -> None:
        """The same command again must not bring back what somebody has just got rid of."""
        self.move(repository, 2, replaces=1)
        self.move(repository, 1, replaces=2, kind="rollback")
        words = f"was rolled back to {release(1).short_id} at .* already; --to names another"
        with pytest.raises(NothingToDoError, match=words):
            release_to_go_back_to(STACK, None, repository)
        assert release_to_go_back_to(STACK, release(2).id, repository) == release(2)

    @pytest.mark.parametrize("end", ["failed", "interrupted"])
    def test_a_rollback_that_did_not_end_goes_on(self, repository: Repository, end: str) -> None:
        """Not back to what it was to get away from."""
        self.move(repository, 2, replaces=1)
        self.move(repository, 1, replaces=2, end=end, kind="rollback")
        assert release_to_go_back_to(STACK, None, repository) == release(1)

    def test_after_a_promotion_that_followed_a_rollback(self, repository: Repository) -> None:
        self.move(repository, 2, replaces=1)
        self.move(repository, 1, replaces=2, kind="rollback")
        self.move(repository, 3, replaces=1)
        assert release_to_go_back_to(STACK, None, repository) == release(1)

    @pytest.mark.parametrize("end", ["failed", "interrupted"])
    def test_from_what_failed_to_what_ran(self, repository: Repository, end: str) -> None:
        self.move(repository, 2, replaces=1)
        self.move(repository, 3, replaces=2, end=end)
        assert release_to_go_back_to(STACK, None, repository) == release(2)

    def test_after_the_first_move_failed(self, repository: Repository) -> None:
        self.move(repository, 2, replaces=1, end="failed")
        assert release_to_go_back_to(STACK, None, repository) == release(1)

    def test_no_record_has_none(self, repository: Repository) -> None:
        with pytest.raises(NothingToDoError, match=STACK):
            release_to_go_back_to(STACK, None, repository)

    def test_a_release_whose_file_is_gone_is_named(self, repository: Repository) -> None:
        self.move(repository, 2, replaces=1)
        repository.releases.file(release(1)).unlink()
        with pytest.raises(PromotionError, match=release(1).id):
            release_to_go_back_to(STACK, None, repository)

    def test_digits_of_none_are_told(self, repository: Repository) -> None:
        with pytest.raises(PromotionError, match="at least 4"):
            release_to_go_back_to(STACK, "xyz", repository)
