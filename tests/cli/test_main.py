"""`moe` itself: each command by itself, a hint at what was mistyped, and what the help has."""

import json
import subprocess
import sys

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from cli import exit_codes
from cli.main import COMMANDS, app

LOADED = """
import sys
from typer.testing import CliRunner
from cli.main import COMMANDS, app

result = CliRunner().invoke(app, sys.argv[1:])
assert result.exit_code == 0, result.output
print(*sorted(set(COMMANDS.values()) & set(sys.modules)))
"""


def loaded(*arguments: str) -> set[str]:
    said = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True
    )
    return set(said.stdout.split())


@pytest.mark.parametrize("command", ["release", "history", "plan", "drift"])
def test_a_command_imports_no_other(command: str) -> None:
    assert loaded(command, "--help") == {COMMANDS[command]}


def test_to_import_moe_imports_no_command() -> None:
    code = "import sys, cli.main; print(*set(cli.main.COMMANDS.values()) & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == ""


def test_all_commands_are_in_the_help_in_their_order() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == exit_codes.DONE
    words = result.stdout.split()
    places = [words.index(name) for name in COMMANDS]
    assert places == sorted(places)
    assert "Exit codes: 0 done" in " ".join(words)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("promot", "promote"), ("rolback", "rollback"), ("releases", "release"), ("stats", "status")],
)
def test_a_typo_gives_a_hint_and_is_no_refusal(typed: str, meant: str) -> None:
    result = CliRunner().invoke(app, [typed, "dev"])
    assert result.exit_code == exit_codes.ERROR
    assert f"No such command '{typed}'" in result.output
    assert f"Did you mean '{meant}'" in result.output


def test_nothing_like_a_command_gives_no_hint() -> None:
    result = CliRunner().invoke(app, ["xyzzy"])
    assert result.exit_code == exit_codes.ERROR
    assert "Did you mean" not in result.output


@pytest.mark.parametrize("arguments", [("--wrong",), ("release", "--wrong"), ("up",)])
def test_a_usage_error_has_the_exit_code_of_an_error(arguments: tuple[str, ...]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == exit_codes.ERROR


@pytest.mark.parametrize(
    "arguments",
    [("promote",), ("statsu",), ("history", "dev", "--nope"), ("--bogus", "promote"), ()],
)
def test_a_usage_error_is_a_document_for_who_asks_for_one(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == exit_codes.ERROR
    said = json.loads(result.stdout)
    assert said["problems"] == []
    assert said["error"].startswith(("Missing argument", "No such"))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    command = get_command(app).get_command(typer.Context(get_command(app)), name)  # type: ignore[attr-defined]
    assert command.name == name
    result = CliRunner().invoke(app, [name, "--help"])
    assert result.exit_code == exit_codes.DONE
    assert f"moe {name}" in result.stdout
