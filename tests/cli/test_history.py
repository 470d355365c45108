"""`moe history` and `moe history verify` as a person or a script calls them."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from cli import exit_codes, history_show, history_verify
from cli.main import app
from cli.sheet import Sheet, show_sheet
from promotion.anchor import message
from promotion.errors import PromotionError
from promotion.pulumi_stack import PulumiStack, Update
from promotion.record import GateSaid, Record
from tests.promotion.releases import append, release, store
from tests.promotion.test_anchor import update

KEYS = ["error", "problems", "stacks"]
Histories = dict[str, list[Update] | PromotionError]


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with no record yet."""
    for module in (history_show, history_verify):
        monkeypatch.setattr(module, "PACKAGE_ROOT", tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def histories(monkeypatch: pytest.MonkeyPatch) -> Histories:
    """What Pulumi says of each stack; of others nothing. The real one: tests/engine."""
    told: Histories = {}

    def updates(stack: PulumiStack) -> list[Update]:
        said = told.get(stack.name, [])
        if isinstance(said, PromotionError):
            raise said
        return said

    monkeypatch.setattr(PulumiStack, "updates", updates)
    return told


def moved(root: Path, stack: str = "staging", number: int = 1, **said: object) -> list[Update]:
    """A release was promoted to the stack; what Pulumi's history has of that."""
    store(root, number)
    record = Record(root, stack)
    begun = append(record, "begun", release(number), plan="b" * 64, **said)
    again = {key: said[key] for key in ("kind", "source") if key in said}
    append(record, "applied", release(number), ends=begun.number, **again)
    return [update(message(begun))]


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, ["history", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def document(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    assert list(found) == KEYS
    return found


def test_moves_are_shown_the_newest_last(root: Path) -> None:
    waived = GateSaid(gate="soak", outcome="waived", evidence="1 h of 24 h", waiver="until then")
    passed = GateSaid(gate="cost", outcome="pass", evidence="no change")
    moved(root, gates=(waived, passed))
    moved(root, number=2, kind="rollback", source=None)
    result = run("staging")
    assert result.exit_code == exit_codes.DONE
    title, *lines = result.stdout.splitlines()
    assert title == "Record of staging"
    assert [line.split("  ")[1] for line in lines] == [f"number: {n}" for n in (1, 2, 3, 4)]
    assert "who: Ada <ada@example.com>  what: promotion dev -> staging" in lines[0]
    assert f"release: {release(1).short_id}  stage: begun  gates waived: soak" in lines[0]
    assert lines[0].endswith("plan: bbbbbbbbbbbb")
    assert "what: rollback of staging" in lines[2]
    assert lines[3].endswith("stage: applied  gates waived: -  plan: -")


@pytest.mark.parametrize("arguments", [(), ("show",)])
def test_all_stacks_with_a_record_are_shown(root: Path, arguments: tuple[str, ...]) -> None:
    moved(root, "staging")
    moved(root, "prod")
    (root / "releases" / "record" / "empty").mkdir()
    result = run(*arguments, "--json")
    assert result.exit_code == exit_codes.DONE
    stacks = document(result)["stacks"]
    assert [each["stack"] for each in stacks] == ["prod", "staging"]
    (first, _) = stacks[1]["entries"]
    entry = next(iter(Record(root, "staging")))
    assert first == {**entry.model_dump(mode="json"), "hash": entry.hash}


@pytest.mark.parametrize("options", [("staging", "--json"), ("--json", "staging")])
def test_options_stand_on_either_side(root: Path, options: tuple[str, ...]) -> None:
    moved(root)
    moved(root, "prod")
    (only,) = document(run(*options))["stacks"]
    assert only["stack"] == "staging"


@pytest.mark.parametrize("stack", ["verify", "show"])
def test_a_stack_that_is_called_as_a_command_can_be_shown(root: Path, stack: str) -> None:
    moved(root, stack)
    result = run("show", stack)
    assert result.exit_code == exit_codes.DONE
    assert result.stdout.startswith(f"Record of {stack}\n")


@pytest.mark.parametrize("command", [(), ("verify",), ("verify", "--offline")])
def test_no_record_is_nothing_to_do(command: tuple[str, ...]) -> None:
    for stack in ((), ("staging",)):
        result = run(*command, *stack)
        assert result.exit_code == exit_codes.NOTHING_TO_DO
        assert "no record" in result.stdout
        result = run(*command, *stack, "--json")
        assert result.exit_code == exit_codes.NOTHING_TO_DO
        assert document(result)["stacks"] == []


@pytest.mark.parametrize("command", [(), ("verify",)])
@pytest.mark.parametrize("stack", ["stagin", "../record", "."])
def test_a_stack_that_there_is_not_is_an_error(command: tuple[str, ...], stack: str) -> None:
    result = run(*command, stack, "--json")
    assert result.exit_code == exit_codes.ERROR
    assert "no such stack" in document(result)["error"]


def test_an_entry_that_cannot_be_read_is_an_error(root: Path) -> None:
    moved(root)
    Record(root, "staging").file(2).write_text("{}")
    result = run("staging", "--json")
    assert result.exit_code == exit_codes.ERROR
    assert "releases/record/staging/000002.json" in document(result)["error"]


def test_what_a_name_hides_is_shown(root: Path) -> None:
    moved(root, by="renovate[bot]\x1b[2J\nAda")
    lines = run("staging").stdout.splitlines()
    assert "who: renovate[bot]\\x1b[2J Ada  what" in lines[1]


def test_a_terminal_shows_brackets() -> None:
    console = Console(force_terminal=True, width=60)
    with console.capture() as captured:
        show_sheet(
            console, Sheet("t", ("who", "what", "when"), [("renovate[bot]", "[red]", "[/]")])
        )
    assert "renovate[bot]" in captured.get()
    assert "[red]" in captured.get()


def test_an_intact_record_is_verified(root: Path, histories: Histories) -> None:
    histories["staging"] = moved(root)
    result = run("verify", "staging")
    assert result.exit_code == exit_codes.DONE
    assert "staging: intact; entries: 2" in result.stdout
    assert "anchored in Pulumi's history: 1, the last is entry 1" in result.stdout
    (only,) = document(run("verify", "--json"))["stacks"]
    assert only == {
        "stack": "staging",
        "entries": 2,
        "intact": True,
        "problems": [],
        "asked_pulumi": True,
        "anchored": [1],
    }


def test_a_record_without_anchors_says_so(root: Path) -> None:
    moved(root)
    assert "anchored in Pulumi's history: none" in run("verify", "staging").stdout


def test_a_changed_entry_is_found_and_named(root: Path) -> None:
    moved(root)
    file = Record(root, "staging").file(1)
    file.write_text(file.read_text().replace("Ada", "Bob"))
    result = run("verify", "--offline")
    assert result.exit_code == exit_codes.REFUSED
    assert "staging: 1 thing wrong; entries: 2" in result.stdout
    assert "  releases/record/staging/000002.json: it follows on " in result.stdout
    assert "Pulumi was not asked" in result.stdout
    (only,) = document(run("verify", "--offline", "--json"))["stacks"]
    assert (only["intact"], only["asked_pulumi"], only["anchored"]) == (False, False, None)
    (problem,) = only["problems"]
    assert problem["file"] == "releases/record/staging/000002.json"


def test_a_record_that_was_removed_is_found_unless_offline(
    root: Path, histories: Histories
) -> None:
    histories["staging"] = moved(root)
    record = Record(root, "staging")
    for entry in list(record):
        record.file(entry.number).unlink()
    record.file(1).parent.rmdir()
    for stack in ((), ("staging",)):
        result = run("verify", *stack)
        assert result.exit_code == exit_codes.REFUSED
        assert "000001.json: Pulumi has deployed entry 1 as " in result.stdout
        assert run("verify", "--offline", *stack).exit_code == exit_codes.NOTHING_TO_DO


def test_that_pulumi_cannot_be_asked_is_an_error_with_what_the_files_show(
    root: Path, histories: Histories
) -> None:
    moved(root)
    histories["staging"] = PromotionError("pulumi is not on PATH")
    result = run("verify", "staging")
    assert result.exit_code == exit_codes.ERROR
    assert "staging: intact" in result.stdout
    assert "pulumi is not on PATH; --offline looks at the files alone" in result.stderr
    found = document(run("verify", "staging", "--json"))
    assert found["error"].startswith("pulumi is not on PATH")
    assert found["stacks"][0]["asked_pulumi"] is False
    Record(root, "staging").file(1).unlink()
    assert run("verify", "staging").exit_code == exit_codes.REFUSED


def test_both_commands_explain_themselves() -> None:
    for command in ((), ("show",), ("verify",)):
        told = run(*command, "--help").stdout
        assert "Example: .venv/bin/moe history" in told
        assert "Exit codes" in told
