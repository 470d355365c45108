"""`moe sandbox` where nothing runs: what it says and with which exit code it ends."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import cli.sandbox
from cli import exit_codes
from cli.main import app
from sandbox import lifecycle
from sandbox.paths import SandboxPaths
from stacks import reading


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here touches the sandbox of this checkout."""
    monkeypatch.setenv("MOE_CACHE_DIR", str(tmp_path / "cache"))
    for module in (cli.sandbox, lifecycle, lifecycle.status.__globals__):
        names = module if isinstance(module, dict) else vars(module)
        monkeypatch.setitem(names, "default_paths", lambda: SandboxPaths(tmp_path))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["sandbox", *arguments])


@pytest.mark.parametrize("command", ["status", "down"])
def test_nothing_to_do(command: str) -> None:
    result = run(command)
    assert result.exit_code == exit_codes.NOTHING_TO_DO
    assert "no sandbox here" in result.output


def test_env_needs_a_sandbox() -> None:
    result = run("env", "--json")
    assert result.exit_code == exit_codes.ERROR
    assert json.loads(result.stdout) == {"error": "the sandbox does not run; `make up` starts it"}


def test_up_reads_the_settings_before_it_starts_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = reading.stack_file("local").read_text()
    (tmp_path / "Pulumi.local.yaml").write_text(text.replace("memory_gib: 640", "memory_gib: 64"))
    monkeypatch.setattr(reading, "STACKS_DIR", tmp_path)
    result = run("up", "--json")
    assert result.exit_code == exit_codes.ERROR
    (problem,) = json.loads(result.stdout)["problems"]
    assert problem["key"] == "moe-serving:model_server.memory_gib"
    assert problem["message"].startswith("64 is not allowed; allowed: 135 ")
    assert not (tmp_path / ".sandbox").exists()


def test_a_mistyped_option_is_an_error_and_not_a_refusal() -> None:
    result = run("up", "--jsn")
    assert result.exit_code == exit_codes.ERROR
    assert "--json" in result.output


@pytest.mark.parametrize("command", ["up", "status", "down", "env"])
def test_every_command_has_an_example_in_its_help(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == exit_codes.DONE
    assert "Example:" in result.output
