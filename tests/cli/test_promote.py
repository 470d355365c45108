"""`moe promote`, `moe rollback` and `moe up` as a person or a script calls them."""

from pathlib import Path
from typing import Any

import pytest

from cli import exit_codes
from cli.answer import INTERRUPTED
from cli.move import EMPTY
from gate.stacks.engine import Run
from promotion import steps
from promotion.anchor import message
from promotion.carry_out import alone
from promotion.gate import failed
from promotion.pulumi_stack import PulumiStack, Update
from promotion.record import open_entry
from stacks import reading
from stacks.settings.promotion import Promotion
from tests.cli.moves import Place, new_command_place
from tests.promotion.moves import BY, JUDGED_AT, LOCKED, PLAN, STACK, on_disk
from tests.promotion.releases import append, release
from tests.promotion.repositories import git

PROMOTE = ("promote", "dev", STACK)
ROLLBACK = ("rollback", STACK)
REFUSING = [failed("soak", "1 h; 24 h are demanded", "since noon", remedy="wait")]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return new_command_place(tmp_path, monkeypatch)


@pytest.fixture
def ran(place: Place) -> Place:
    """The stack has run two releases."""
    record = place.here.record(STACK)
    for number in (1, 2):
        begun = append(record, "begun", release(number))
        append(record, "applied", release(number), ends=begun.number)
    return place


class TestAsked:
    """What the words of a command line are refused for, before anything is asked or written."""

    @pytest.mark.parametrize("command", [PROMOTE, (*ROLLBACK, "--why", "slow")])
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--no-up",), "add --yes"),
            (("--commit",), "add --yes"),
            (("--branch", "x"), "add --yes"),
            (("--yes", "--branch", "x", "--commit"), "leave out --commit and --no-up"),
            (("--yes", "--branch", "x", "--no-up"), "leave out --commit and --no-up"),
        ],
    )
    def test_options_that_contradict_each_other(
        self, ran: Place, command: tuple[str, ...], options: tuple[str, ...], words: str
    ) -> None:
        before = on_disk(ran.here)
        code, said = ran.json(*command, *options)
        assert code == exit_codes.ERROR
        assert words in said["error"]
        assert list(said) == list(EMPTY)
        assert on_disk(ran.here) == before

    @pytest.mark.parametrize(
        ("command", "meant"),
        [
            (("promote", "devv", "staging"), "did you mean dev?"),
            (("promote", "dev", "stagin"), "did you mean staging?"),
            (("rollback", "prd"), "did you mean prod?"),
            (("up", "stagin"), "did you mean staging?"),
            (("release", "create", "--stack", "stagin"), "did you mean staging?"),
        ],
    )
    def test_a_typo_of_a_stack(self, place: Place, command: tuple[str, ...], meant: str) -> None:
        code, said = place.json(*command)
        assert code == exit_codes.ERROR
        assert meant in said["error"]
        assert said["problems"][0]["message"] in said["error"]

    @pytest.mark.parametrize(
        "command",
        [
            ("promote", "dev"),
            ("promote",),
            ("rollback",),
            ("up",),
            ("release", "create"),
            (*PROMOTE, "--yess"),
        ],
    )
    def test_a_usage_error_is_no_refusal(self, place: Place, command: tuple[str, ...]) -> None:
        assert place.run(*command).exit_code == exit_codes.ERROR

    def test_a_stack_to_itself(self, place: Place) -> None:
        code, said = place.json("promote", "dev", "dev")
        assert code == exit_codes.ERROR
        assert "dev cannot be promoted to itself" in said["error"]

    @pytest.mark.parametrize("source", ["nowhere", STACK])
    def test_a_source_that_cannot_be(
        self, place: Place, source: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = reading.from_file(STACK)
        named = settings.model_copy(update={"promotion": Promotion(source=source)})
        monkeypatch.setattr(reading, "from_file", lambda stack: named)
        code, said = place.json(*PROMOTE)
        assert code == exit_codes.ERROR
        assert (
            f"promotion.source: {source} is not allowed; allowed: dev, local, prod" in said["error"]
        )
        assert place.moves == []

    def test_a_rollback_wants_to_know_why_where_it_is_done(self, ran: Place) -> None:
        code, said = ran.json(*ROLLBACK, "--yes")
        assert code == exit_codes.ERROR
        assert said["error"].startswith("--why: missing")
        assert ran.json(*ROLLBACK)[0] == exit_codes.DONE

    @pytest.mark.parametrize(
        "command",
        [
            ("promote",),
            ("rollback",),
            ("up",),
            *(("release", each) for each in ("create", "show", "list", "diff")),
        ],
    )
    def test_the_help_has_an_example_of_it(self, place: Place, command: tuple[str, ...]) -> None:
        told = " ".join(place.run(*command, "--help").stdout.split())
        assert f"Example: .venv/bin/moe {' '.join(command)}" in told

    @pytest.mark.parametrize("command", ["promote", "rollback", "up", "release"])
    def test_the_help_has_the_exit_codes(self, place: Place, command: str) -> None:
        assert "Exit codes: 0" in " ".join(place.run(command, "--help").stdout.split())


class TestWhichRelease:
    def test_without_one_it_is_what_the_source_runs(self, place: Place) -> None:
        place.source_runs = release(3)
        assert place.json(*PROMOTE)[1]["release"] == release(3).id

    def test_one_that_is_asked_for(self, place: Place) -> None:
        code, said = place.json(*PROMOTE, "--release", release(1).short_id)
        assert (code, said["release"]) == (exit_codes.DONE, release(1).id)

    @pytest.mark.parametrize(
        ("is_deployed", "runs", "words"),
        [
            (False, None, "stack dev was never deployed: pulumi up --stack dev"),
            (True, None, "stack dev says no release: pulumi up --stack dev"),
            (True, release(9), "moe release create --stack dev"),
            (True, "of a later version", "output `release` is none that this program knows"),
        ],
    )
    def test_a_source_that_runs_none_is_told_what_to_do(
        self, place: Place, is_deployed: bool, runs: Any, words: str
    ) -> None:
        place.source_is_deployed, place.source_runs = is_deployed, runs
        code, said = place.json(*PROMOTE)
        assert code == exit_codes.ERROR
        assert words in said["error"]

    @pytest.mark.parametrize("again", [(), ("--yes",)])
    def test_the_same_rollback_again_is_nothing_to_do(
        self, ran: Place, again: tuple[str, ...]
    ) -> None:
        rollback = (*ROLLBACK, "--why", "slow")
        assert ran.json(*rollback, "--yes")[0] == exit_codes.DONE
        before = on_disk(ran.here)
        code, said = ran.json(*rollback, *again)
        assert code == exit_codes.NOTHING_TO_DO
        assert "was rolled back to" in said["error"]
        assert on_disk(ran.here) == before

    def test_the_same_rollback_goes_on_where_it_was_interrupted(self, ran: Place) -> None:
        def interrupt() -> None:
            raise KeyboardInterrupt

        rollback = (*ROLLBACK, "--why", "slow", "--yes")
        ran.stack.on_up = interrupt
        assert ran.json(*rollback)[0] == exit_codes.ERROR
        ran.stack.on_up = lambda: None
        code, said = ran.json(*rollback)
        assert (code, said["release"]) == (exit_codes.DONE, release(1).id)
        assert [each.stage for each in ran.here.record(STACK)][-3:] == ["begun", "begun", "applied"]

    def test_a_rollback_is_to_the_one_before(self, ran: Place) -> None:
        code, said = ran.json(*ROLLBACK, "--why", "slow", "--yes")
        assert (code, said["release"], said["source"]) == (exit_codes.DONE, release(1).id, None)
        assert said["entry"]["kind"] == "rollback"
        begun = list(ran.here.record(STACK))[-2]
        assert begun.why == "slow"

    def begun_for_the_first_time(self, place: Place) -> None:
        append(place.here.record(STACK), "begun", release(2))

    def test_a_first_promotion_is_given_up(self, place: Place) -> None:
        self.begun_for_the_first_time(place)
        before = on_disk(place.here)
        code, said = place.json(*ROLLBACK)
        assert (code, said["release"], said["entry"]) == (exit_codes.DONE, release(2).id, None)
        assert on_disk(place.here) == before
        code, said = place.json(*ROLLBACK, "--why", "dev moved on", "--yes", "--commit")
        assert (code, len(said["commits"])) == (exit_codes.DONE, 1)
        assert list(said) == list(EMPTY)
        last = place.here.record(STACK).last
        assert last is not None
        assert (last.stage, last.ends, last.why) == ("failed", 1, "given up: dev moved on")
        assert place.stack.asked == []
        assert place.json(*PROMOTE, "--release", release(3).id, "--yes")[0] == exit_codes.DONE

    def test_not_while_its_up_may_run(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun_for_the_first_time(place)
        begun = place.here.record(STACK).last
        assert begun is not None
        running = Update(1, "update", "in-progress", JUDGED_AT, None, message(begun))
        monkeypatch.setattr(PulumiStack, "updates", lambda stack: [running])
        code, said = place.json(*ROLLBACK, "--why", "x", "--yes")
        assert code == exit_codes.REFUSED
        assert "has not ended" in said["error"]
        assert on_disk(place.here)[1] == ["begun"]

    def test_nothing_to_go_back_to(self, place: Place) -> None:
        code, said = place.json(*ROLLBACK)
        assert code == exit_codes.NOTHING_TO_DO
        assert list(said) == list(EMPTY)


class TestEnds:
    """One exit code and one set of keys for each way in which a move can end."""

    def check(
        self, place: Place, code: int, *arguments: str, command: tuple[str, ...] = PROMOTE
    ) -> dict[str, Any]:
        found, said = place.json(*command, *arguments)
        assert found == code, said
        assert list(said) == list(EMPTY)
        assert bool(said["error"]) == (code != exit_codes.DONE)
        return said

    def test_a_dry_run_that_would_be_let_pass(self, place: Place) -> None:
        said = self.check(place, exit_codes.DONE)
        assert (said["done"], said["entry"], said["commits"]) == (False, None, [])
        assert said["gates"][0]["gate"] == "soak"
        assert said["changes"] == [{"key": "charts.keda", "before": "1", "after": "2"}]
        assert on_disk(place.here) == (False, [])
        assert "again with --yes" in place.run(*PROMOTE).stdout

    @pytest.mark.parametrize("yes", [(), ("--yes",)])
    def test_refused_with_the_gates(self, place: Place, yes: tuple[str, ...]) -> None:
        place.gates = REFUSING
        said = self.check(place, exit_codes.REFUSED, *yes)
        assert said["error"] == "refused by 1 of 1 gates: soak"
        (gate,) = said["gates"]
        assert (gate["details"], gate["remedy"]) == (["since noon"], "wait")
        assert (said["done"], said["entry"], said["plan"]) == (False, None, PLAN)
        assert on_disk(place.here) == (False, [])
        result = place.run(*PROMOTE, *yes)
        assert result.exit_code == exit_codes.REFUSED
        assert "soak: 1 h; 24 h are demanded\n  since noon\n  what to do: wait" in result.stdout
        assert "refused by 1 of 1 gates: soak" in result.stderr

    def test_what_comes_from_outside_moves_no_cursor(self, place: Place) -> None:
        """A name of a resource, an error of Kubernetes, a reason in a file."""
        outside = "\x1b[2J\u202ename"
        place.gates = [failed("soak", outside, outside, remedy=outside)]
        result = place.run(*PROMOTE)
        shown = "\\x1b[2J\\u202ename"
        assert f"gate: soak  outcome: fail  evidence: {shown}\n" in result.stdout
        assert f"soak: {shown}\n  {shown}\n  what to do: {shown}\n" in result.stdout
        assert result.stdout.replace("\n", "").isprintable()
        assert place.json(*PROMOTE)[1]["gates"][0]["evidence"] == outside, "as it is, escaped"

    def test_what_git_says_moves_no_cursor(self, place: Place) -> None:
        hook = place.here.root / ".git" / "hooks" / "pre-commit"
        hook.write_text("#!/bin/sh\nprintf '\\033[2Jno:\\n\\tone\\n' >&2\nexit 1\n")
        hook.chmod(0o755)
        result = place.run(*PROMOTE, "--yes", "--commit")
        assert result.exit_code == exit_codes.ERROR
        assert "git commit failed: \\x1b[2Jno:\n        one\n" in result.stderr

    @pytest.mark.parametrize("yes", [(), ("--yes",)])
    def test_nothing_to_do(self, place: Place, yes: tuple[str, ...]) -> None:
        record = place.here.record(STACK)
        begun = append(record, "begun", release(2))
        applied = append(record, "applied", release(2), ends=begun.number)
        place.said = {"changes": [], "differs": [], "plan_changes": 0}
        said = self.check(place, exit_codes.NOTHING_TO_DO, *yes)
        assert "runs release" in said["error"]
        assert [gate["gate"] for gate in said["gates"]] == ["soak"]
        assert said["entry"] == applied.model_dump(mode="json")
        assert place.run(*PROMOTE, *yes).exit_code == exit_codes.NOTHING_TO_DO

    def test_a_record_that_was_changed_is_no_nothing_to_do(self, place: Place) -> None:
        record = place.here.record(STACK)
        begun = append(record, "begun", release(2))
        append(record, "applied", release(2), ends=begun.number)
        place.said = {"changes": [], "differs": [], "plan_changes": 0}
        place.gates = [failed("record", "1 thing wrong", remedy="restore it")]
        assert "record" in self.check(place, exit_codes.REFUSED)["error"]

    def test_another_that_is_half_done_is_told_before_it_is_judged(self, place: Place) -> None:
        append(place.here.record(STACK), "begun", release(1))
        result = place.run(*PROMOTE)
        assert result.exit_code == exit_codes.REFUSED
        assert "has not ended" in result.stderr
        assert place.moves == []

    def test_an_interrupted_up_tells_what_was_begun(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(*_given: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(steps, "_apply", interrupted)
        said = self.check(place, exit_codes.ERROR, "--yes")
        assert said["error"] == INTERRUPTED
        assert said["entry"]["stage"] == "begun"

    def test_done(self, place: Place) -> None:
        said = self.check(place, exit_codes.DONE, "--yes", "--commit")
        assert said["done"]
        assert said["entry"]["stage"] == "applied"
        assert (
            said["commits"] == [*reversed(git(place.here.root, "log", "--format=%H").split())][1:]
        )
        assert (said["kind"], said["source"], said["target"]) == ("promotion", "dev", STACK)
        assert said["replaces"] == release(1).id

    def test_begun_and_then_up(self, place: Place) -> None:
        said = self.check(place, exit_codes.DONE, "--yes", "--no-up")
        assert not said["done"]
        assert said["entry"]["stage"] == "begun"
        up = self.check(place, exit_codes.DONE, command=("up", STACK))
        assert up["done"]
        self.check(place, exit_codes.NOTHING_TO_DO, command=("up", STACK))

    def test_the_text_of_each(self, place: Place) -> None:
        begun = place.run(*PROMOTE, "--yes", "--no-up").stdout
        assert "begun; moe up staging applies it" in begun
        assert "applied, entry 2 of the record" in place.run("up", STACK).stdout

    def test_up_that_no_longer_matches(self, place: Place) -> None:
        self.check(place, exit_codes.DONE, "--yes", "--no-up")
        place.said = {"plan": "c" * 64}
        self.check(place, exit_codes.REFUSED, command=("up", STACK))

    def test_up_asks_every_gate_again_of_who_began_it_too(self, place: Place) -> None:
        self.check(place, exit_codes.DONE, "--yes", "--no-up")
        git(place.here.root, "config", "user.email", "eve@example.com")
        place.gates = REFUSING
        said = self.check(place, exit_codes.REFUSED, command=("up", STACK))
        assert said["error"] == "refused by 1 of 1 gates: soak"
        assert place.moves[-1].begun_by == str(BY)
        assert place.moves[-1].movers == {BY.mail, "eve@example.com"}
        assert (said["kind"], said["source"], said["target"]) == ("promotion", "dev", STACK)
        assert said["entry"]["stage"] == "begun"

    @pytest.mark.parametrize(
        ("words", "code", "stage"),
        [
            ("error: no quota", exit_codes.ERROR, "failed"),
            ("error: urn:x violates plan", exit_codes.REFUSED, "failed"),
            (LOCKED, exit_codes.ERROR, "begun"),
        ],
    )
    @pytest.mark.parametrize("command", ["promote", "up"])
    def test_pulumi_does_not_do_it(
        self, place: Place, words: str, code: int, stage: str, command: str
    ) -> None:
        if command == "up":
            self.check(place, exit_codes.DONE, "--yes", "--no-up")
        place.stack.runs = [Run(255, [], words)]
        by = {"command": ("up", STACK)} if command == "up" else {}
        said = self.check(place, code, *(() if by else ("--yes",)), **by)
        assert said["error"].startswith(f"{STACK}: {words}")
        last = place.here.record(STACK).last
        assert last is not None
        assert (last.stage, said["entry"], said["done"]) == (
            stage,
            last.model_dump(mode="json"),
            False,
        )
        assert [gate["gate"] for gate in said["gates"]] == ["soak"]

    def test_pulumi_refused_the_plan_as_text(self, place: Place) -> None:
        place.stack.runs = [Run(255, [], "error: \x1b[2Jviolates plan")]
        result = place.run(*PROMOTE, "--yes")
        assert result.exit_code == exit_codes.REFUSED
        assert "soak" in result.stdout
        assert f"{STACK}: error: \\x1b[2Jviolates plan\n" in result.stderr

    def test_a_failed_end_is_committed(self, place: Place) -> None:
        place.stack.runs = [Run(255, [], "error: no quota")]
        self.check(place, exit_codes.ERROR, "--yes", "--commit")
        assert git(place.here.root, "log", "-1", "--format=%s").endswith(": failed")

    def test_an_edit_while_it_was_judged(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place.said = {"file_before": "config: {a: another}\n"}
        said = self.check(place, exit_codes.REFUSED, "--yes")
        assert "was edited while it was judged" in said["error"]
        assert on_disk(place.here) == (False, [])

    def test_a_branch_on_entries_that_are_not_committed(self, ran: Place) -> None:
        said = self.check(ran, exit_codes.ERROR, "--yes", "--branch", "promote/x")
        assert said["error"].startswith("--branch: releases/record/staging has what is not")

    def test_interrupted_it_says_that_the_same_command_goes_on(self, place: Place) -> None:
        def interrupt() -> None:
            raise KeyboardInterrupt

        place.stack.on_up = interrupt
        said = self.check(place, exit_codes.ERROR, "--yes")
        assert "the same command goes on" in said["error"]
        assert open_entry(place.here.record(STACK)) is not None
        place.stack.on_up = lambda: None
        self.check(place, exit_codes.DONE, "--yes")

    def test_somebody_is_at_work(self, place: Place) -> None:
        with alone(place.here, STACK, "promotion of x"):
            said = self.check(place, exit_codes.REFUSED, "--yes")
            self.check(place, exit_codes.DONE)
        assert "promotion of x" in said["error"]

    def test_a_branch_that_is_there(self, place: Place) -> None:
        git(place.here.root, "branch", "taken")
        said = self.check(place, exit_codes.ERROR, "--yes", "--branch", "taken")
        assert said["error"].startswith("--branch taken: already exists")

    def test_git_knows_nobody(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        git(place.here.root, "config", "user.email", "")
        said = self.check(place, exit_codes.ERROR)
        assert "git config" in said["error"]
        assert BY.mail not in said["error"]
