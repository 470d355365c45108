"""What a move writes and in which order, and what is left where it stops at each step."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gate.stacks.engine import Run
from promotion import carry_out as carrying
from promotion import steps
from promotion.carry_out import How, alone, carry_out, command, refuse, rest_committed
from promotion.errors import NothingToDoError, PromotionError, RefusedError
from promotion.gate import could_not_check, failed, not_demanded, passed
from promotion.judge import Repository
from tests.promotion.moves import (
    AFTER,
    BY,
    LOCKED,
    PLAN,
    STACK,
    PlayedStack,
    file,
    judged_move,
    new_place,
    on_disk,
)
from tests.promotion.releases import append, release
from tests.promotion.repositories import git


class StoppedError(Exception):
    """At a step."""


@pytest.fixture
def here(tmp_path: Path) -> Repository:
    return new_place(tmp_path / "repository")


@pytest.fixture
def stack() -> PlayedStack:
    return PlayedStack(release(2))


SAME: dict[str, Any] = {"changes": [], "differs": [], "plan_changes": 0}
"""What is said of a target that runs the release."""


def applied(here: Repository, number: int) -> None:
    begun = append(here.record(STACK), "begun", release(number))
    append(here.record(STACK), "applied", release(number), ends=begun.number)


class TestOrder:
    def test_record_then_file_then_commit_then_up_then_record(
        self, here: Repository, stack: PlayedStack
    ) -> None:
        seen: list[object] = []

        def on_up() -> None:
            seen.append(on_disk(here))
            seen.append(git(here.root, "show", "--name-only", "--format=%s", "HEAD").splitlines())

        stack.on_up = on_up
        done = carry_out(judged_move(here, stack), here, How(commit=True))
        assert seen == [
            (True, ["begun"]),
            [
                f"Promotion of release {release(2).short_id}, dev to staging",
                "",
                f"releases/{release(2).id}.json",
                "releases/record/staging/000001.json",
                "stacks/Pulumi.staging.yaml",
            ],
        ]
        assert on_disk(here) == (True, ["begun", "applied"])
        assert (done.entry.stage, done.entry.ends) == ("applied", 1)
        assert git(here.root, "rev-parse", "HEAD", "HEAD^").split() == [*reversed(done.commits)]
        assert git(here.root, "show", "--name-only", "--format=", "HEAD").splitlines() == [
            "releases/record/staging/000002.json"
        ]

    def test_the_begun_entry_says_all_that_was_gated(
        self, here: Repository, stack: PlayedStack
    ) -> None:
        carry_out(judged_move(here, stack), here, How())
        begun, applied = here.record(STACK)
        assert begun.file == steps.digest_of(AFTER) == applied.file
        assert (begun.plan, begun.release, begun.replaces) == (PLAN, release(2).id, release(1).id)
        assert [(gate.gate, gate.outcome) for gate in begun.gates] == [("soak", "pass")]
        assert (begun.by, begun.source, begun.continues) == (str(BY), "dev", None)
        assert applied.previous == begun.hash

    def test_up_is_by_the_plan_with_the_policies_and_an_anchor(
        self, here: Repository, stack: PlayedStack
    ) -> None:
        found = judged_move(here, stack)
        carry_out(found, here, How())
        (words,) = stack.asked
        said = " ".join(words)
        assert said.startswith("up --yes --skip-preview ")
        assert f"--plan {found.program.plan} " in said
        assert f"--policy-pack {found.program.folder / 'policies'}" in said
        (begun, _) = here.record(STACK)
        assert said.endswith(f"(record 1, {begun.hash})")
        assert stack.folder == found.program.folder

    def test_without_up_it_waits(self, here: Repository, stack: PlayedStack) -> None:
        done = carry_out(judged_move(here, stack), here, How(up=False))
        assert stack.asked == []
        assert on_disk(here) == (True, ["begun"])
        assert (done.entry.stage, done.commits) == ("begun", ())

    def test_a_branch_changes_nothing_here(self, here: Repository, stack: PlayedStack) -> None:
        git(here.root, "add", "--all")
        git(here.root, "commit", "--quiet", "-m", "all")
        done = carry_out(judged_move(here, stack), here, How(branch="promote/staging"))
        assert stack.asked == []
        assert on_disk(here) == (False, [])
        (commit,) = done.commits
        assert git(here.root, "status", "--porcelain") == ""
        names = git(here.root, "show", "--name-only", "--format=", commit).splitlines()
        assert names == ["releases/record/staging/000001.json", "stacks/Pulumi.staging.yaml"]

    def test_a_branch_has_a_release_that_is_not_committed_yet(
        self, here: Repository, stack: PlayedStack
    ) -> None:
        """Else whoever merges it would have a record that names what is not there."""
        (commit,) = carry_out(judged_move(here, stack), here, How(branch="promote/x")).commits
        path = f"releases/{release(2).id}.json"
        assert path in git(here.root, "show", "--name-only", "--format=", commit).splitlines()
        text = here.releases.file(release(2)).read_text()
        assert git(here.root, "show", f"{commit}:{path}") == text.strip()

    def test_a_branch_is_not_built_on_entries_that_only_this_checkout_has(
        self, here: Repository, stack: PlayedStack
    ) -> None:
        applied(here, 1)
        with pytest.raises(PromotionError, match="^--branch: releases/record/staging has what is"):
            carry_out(judged_move(here, stack), here, How(branch="promote/x"))
        assert git(here.root, "branch", "--list", "promote/x") == ""
        git(here.root, "add", "--all")
        git(here.root, "commit", "--quiet", "-m", "all")
        (commit,) = carry_out(judged_move(here, stack), here, How(branch="promote/x")).commits
        assert "releases/record/staging/000003.json" in git(
            here.root, "show", "--name-only", "--format=", commit
        )

    @pytest.mark.parametrize("how", [How(), How(branch="promote/x"), How(up=False, commit=True)])
    def test_a_file_that_was_edited_while_it_was_judged_is_refused(
        self, here: Repository, stack: PlayedStack, how: How
    ) -> None:
        found = judged_move(here, stack)
        head = git(here.root, "rev-parse", "HEAD")
        edited = "config: {a: somebody else}\n"
        file(here.root).write_text(edited)
        with pytest.raises(RefusedError, match="stacks/Pulumi.staging.yaml was edited while"):
            carry_out(found, here, how)
        assert file(here.root).read_text() == edited
        assert list(here.record(STACK)) == []
        assert git(here.root, "rev-parse", "--branches").split() == [head]
        assert stack.asked == []

    def test_a_file_that_has_the_release_already_is_let_be(
        self, here: Repository, stack: PlayedStack
    ) -> None:
        """An interrupted move has written it."""
        found = judged_move(here, stack)
        file(here.root).write_bytes(AFTER.encode())
        written = file(here.root).stat()
        carry_out(found, here, How())
        assert file(here.root).stat().st_ino == written.st_ino


class TestCommitted:
    """Another clone has the record whole, whatever came before in this one."""

    def uncommitted(self, here: Repository) -> str:
        return git(
            here.root,
            "status",
            "--porcelain",
            "--untracked-files=all",
            "--",
            "stacks",
            "releases/record",
            f"releases/{release(2).id}.json",
        )

    def test_after_one_that_was_cut_off_before_its_commit(
        self, here: Repository, stack: PlayedStack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def stopped(*given: object, **said: object) -> Any:
            raise StoppedError

        with monkeypatch.context() as patch:
            patch.setattr(carrying, "commit_here", stopped)
            with pytest.raises(StoppedError):
                carry_out(judged_move(here, stack), here, How(commit=True))
        assert "000001.json" in self.uncommitted(here)
        carry_out(judged_move(here, PlayedStack(release(2))), here, How(commit=True))
        assert self.uncommitted(here) == ""

    def test_after_one_without_a_commit(self, here: Repository, stack: PlayedStack) -> None:
        carry_out(judged_move(here, stack), here, How())
        carry_out(judged_move(here, PlayedStack(release(3))), here, How(commit=True))
        assert self.uncommitted(here) == ""
        names = git(here.root, "ls-files", "releases").splitlines()
        assert f"releases/{release(3).id}.json" in names
        assert f"releases/{release(1).id}.json" not in names, "nothing of it was moved"

    @pytest.mark.parametrize("commit", [True, False])
    def test_what_is_done_but_was_not_committed(
        self, here: Repository, stack: PlayedStack, commit: bool
    ) -> None:
        """It was killed between its end and the commit of that."""
        carry_out(judged_move(here, stack), here, How())
        how = How(commit=commit)
        with pytest.raises(NothingToDoError) as done, rest_committed(how, here, STACK):
            refuse(judged_move(here, stack, **SAME).proposal)
        assert ("000002.json" in self.uncommitted(here)) != commit
        assert ("committed what was not yet, as" in str(done.value)) == commit
        with pytest.raises(NothingToDoError) as again, rest_committed(how, here, STACK):
            refuse(judged_move(here, stack, **SAME).proposal)
        assert "committed" not in str(again.value), "there is no rest"


class TestFailed:
    """A failure is part of the history too, committed as what was begun."""

    def test_a_failed_end_is_committed(self, here: Repository, stack: PlayedStack) -> None:
        stack.runs = [Run(255, [], "error: no quota")]
        with pytest.raises(PromotionError, match="no quota"):
            carry_out(judged_move(here, stack), here, How(commit=True))
        assert git(here.root, "show", "--name-only", "--format=%s", "HEAD").splitlines() == [
            f"promotion of {release(2).short_id}, dev -> staging: failed",
            "",
            "releases/record/staging/000002.json",
        ]
        assert git(here.root, "status", "--porcelain", "--", "releases/record") == ""

    def test_without_commit_nothing_is_committed(
        self, here: Repository, stack: PlayedStack
    ) -> None:
        head = git(here.root, "rev-parse", "HEAD")
        stack.runs = [Run(255, [], "error: no quota")]
        with pytest.raises(PromotionError):
            carry_out(judged_move(here, stack), here, How())
        assert git(here.root, "rev-parse", "HEAD") == head

    def test_what_was_left_open_has_no_end_to_commit(
        self, here: Repository, stack: PlayedStack
    ) -> None:
        stack.runs = [Run(255, [], LOCKED)]
        with pytest.raises(PromotionError, match="currently locked"):
            carry_out(judged_move(here, stack), here, How(commit=True))
        assert on_disk(here) == (True, ["begun"])
        assert git(here.root, "log", "--format=%s").splitlines()[0].startswith("Promotion of ")


class TestStopped:
    """Something is raised at a step: what is on disk, and that the same command ends right."""

    @pytest.mark.parametrize(
        ("step", "left"),
        [
            ("begin", (False, [])),
            ("write", (False, ["begun"])),
            ("commit", (True, ["begun"])),
            ("up", (True, ["begun"])),
            ("end", (True, ["begun"])),
        ],
    )
    @pytest.mark.parametrize("stop", [StoppedError, KeyboardInterrupt])
    def test_at_each_step(
        self,
        here: Repository,
        stack: PlayedStack,
        step: str,
        left: object,
        stop: type[BaseException],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def stopped(*given: object, **said: object) -> Any:
            raise stop

        with monkeypatch.context() as patch:
            if step == "begin":
                patch.setattr(steps, "begin", stopped)
            elif step == "write":
                patch.setattr(steps, "replace_file", stopped)
            elif step == "commit":
                patch.setattr(carrying, "commit_here", stopped)
            elif step == "up":
                patch.setattr(stack, "on_up", stopped)
            else:
                patch.setattr(steps, "end_entry", stopped)
            with pytest.raises(stop):
                carry_out(judged_move(here, stack), here, How(commit=True))
        assert on_disk(here) == left
        again = PlayedStack(release(2))
        done = carry_out(judged_move(here, again), here, How())
        assert done.entry.stage == "applied"
        entries = list(here.record(STACK))
        was_begun = left != (False, [])
        assert [each.stage for each in entries] == ["begun"] * was_begun + ["begun", "applied"]
        assert entries[-2].continues == (1 if was_begun else None)
        assert entries[-1].ends == entries[-2].number
        assert on_disk(here)[0]


class TestRefuse:
    def proposal(self, here: Repository, **said: Any) -> Any:
        return judged_move(here, PlayedStack(release(2)), **said).proposal

    def test_what_every_gate_lets_pass_is_not_refused(self, here: Repository) -> None:
        refuse(self.proposal(here, gates=[passed("cost", "0"), not_demanded("soak", "0")]))

    def test_every_gate_that_refuses_is_named(self, here: Repository) -> None:
        gates = [
            passed("record", "intact"),
            failed("soak", "1 h", remedy="wait"),
            could_not_check("cost", "no price", remedy="add it"),
        ]
        with pytest.raises(RefusedError, match="^refused by 2 of 3 gates: soak, cost$"):
            refuse(self.proposal(here, gates=gates))

    @pytest.mark.parametrize("said", [{}, {"gates": [failed("soak", "1 h", remedy="wait")]}])
    def test_what_runs_already_is_nothing_to_do_whatever_gates_say(
        self, here: Repository, said: dict[str, Any]
    ) -> None:
        applied(here, 2)
        with pytest.raises(NothingToDoError, match="staging runs release"):
            refuse(self.proposal(here, **SAME, **said))

    @pytest.mark.parametrize("key", SAME)
    def test_where_anything_differs_it_is_not_done(self, here: Repository, key: str) -> None:
        """Resources alone may differ too: somebody has changed the stack's sizes."""
        applied(here, 2)
        refuse(self.proposal(here, **{name: SAME[name] for name in SAME if name != key}))

    def test_one_that_was_left_half_done_is_not_done(self, here: Repository) -> None:
        append(here.record(STACK), "begun", release(2))
        refuse(self.proposal(here, **SAME))

    def test_one_that_failed_is_not_done_although_the_state_says_its_release(
        self, here: Repository
    ) -> None:
        begun = append(here.record(STACK), "begun", release(2))
        append(here.record(STACK), "failed", release(2), ends=begun.number)
        refuse(self.proposal(here, **SAME))

    def test_what_came_past_the_record_is_not_done(self, here: Repository) -> None:
        """The next stack asks how it came there; so it is put on record."""
        refuse(self.proposal(here, **SAME))
        applied(here, 1)
        refuse(self.proposal(here, **SAME))

    def test_a_promotion_waits_for_another_that_is_half_done(self, here: Repository) -> None:
        other = append(here.record(STACK), "begun", release(3))
        with pytest.raises(RefusedError) as refusal:
            refuse(self.proposal(here))
        words = str(refusal.value)
        assert f"promotion of release {release(3).short_id} to staging was begun at" in words
        assert f"`{command(other)}` finishes it" in words
        assert "`moe rollback staging --why ... --yes` gives it up" in words

    def test_a_rollback_does_not_wait(self, here: Repository) -> None:
        append(here.record(STACK), "begun", release(3))
        refuse(self.proposal(here, kind="rollback", source=None))

    def test_nothing_is_written_where_it_is_refused(self, here: Repository) -> None:
        stack = PlayedStack(release(2))
        found = judged_move(here, stack, gates=[failed("soak", "1 h", remedy="wait")])
        with pytest.raises(RefusedError):
            carry_out(found, here, How(commit=True))
        assert on_disk(here) == (False, [])
        assert stack.asked == []

    def test_who_began_it_is_told_in_one_line(self, here: Repository) -> None:
        append(here.record(STACK), "begun", release(3), by="Eve\n\x1b[2J <eve@example.com>")
        with pytest.raises(RefusedError) as refusal:
            refuse(self.proposal(here))
        assert "by Eve \\x1b[2J <eve@example.com> and has not ended" in str(refusal.value)
        assert str(refusal.value).isprintable()


def test_one_at_a_time_in_a_checkout(
    here: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOE_CACHE_DIR", str(tmp_path / "cache"))
    with alone(here, STACK, "promotion of x"):
        with pytest.raises(RefusedError, match="promotion of x"), alone(here, STACK, "y"):
            pass
        with alone(here, "prod", "another stack"):
            pass
        with alone(replace(here, root=tmp_path), STACK, "another checkout"):
            pass


def test_the_command_that_does_it_again(here: Repository) -> None:
    record = here.record(STACK)
    promotion = append(record, "begun", release(2))
    why = "it's slow; $HOME"
    rollback = append(record, "begun", release(2), kind="rollback", source=None, why=why)
    short = release(2).short_id
    assert command(promotion) == f"moe promote dev staging --release {short} --yes"
    assert shlex.split(command(rollback)) == [
        *("moe", "rollback", "staging", "--to", short, "--why", why, "--yes")
    ]
