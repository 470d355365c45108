"""`moe sandbox` where nothing runs: what it says and with which exit code it ends."""

import json
import os
import signal
from pathlib import Path
from typing import Any, NoReturn

import pytest
from typer.testing import CliRunner, Result

import cli.sandbox
from cli import exit_codes
from cli.main import app
from durable.locks import held_lock
from durable.places import PACKAGE_ROOT
from sandbox import lifecycle
from sandbox.endpoints import new_endpoints
from sandbox.event_log import Violation
from sandbox.paths import SandboxPaths
from sandbox.stack import PolicyRefusedError
from stacks import reading


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here touches the sandbox of this checkout."""
    monkeypatch.setenv("MOE_CACHE_DIR", str(tmp_path / "cache"))
    for module in (cli.sandbox, lifecycle, lifecycle.status.__globals__):
        names = module if isinstance(module, dict) else vars(module)
        monkeypatch.setitem(names, "default_paths", lambda: SandboxPaths(tmp_path))


@pytest.fixture
def stopped(tmp_path: Path) -> None:
    """A sandbox of which no process runs."""
    paths = SandboxPaths(tmp_path)
    new_endpoints(paths).write(paths.endpoints)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["sandbox", *arguments])


def document(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*arguments).stdout)
    return found


@pytest.mark.parametrize("command", ["status", "down"])
def test_nothing_to_do(command: str) -> None:
    result = run(command)
    assert result.exit_code == exit_codes.NOTHING_TO_DO
    assert "no sandbox here" in result.output


def test_env_needs_a_sandbox() -> None:
    result = run("env", "--json")
    assert result.exit_code == exit_codes.ERROR
    assert json.loads(result.stdout) == {
        "error": "the sandbox does not run; `make up` starts it",
        "problems": [],
    }


@pytest.mark.usefixtures("stopped")
def test_status_of_a_stopped_sandbox_says_what_to_do() -> None:
    result = run("status")
    assert result.exit_code == exit_codes.ERROR
    assert "stopped: all of it; run `make up` again" in result.output
    assert "Next:" not in result.output


def test_status_has_the_same_keys_whatever_it_finds(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = document("status", "--json")
    request.getfixturevalue("stopped")
    stopped = document("status", "--json")
    monkeypatch.setattr(lifecycle, "attach", interrupt)
    interrupted = document("status", "--json")
    assert list(nothing) == list(stopped) == list(interrupted)
    assert nothing["error"] is None
    assert not any(process["alive"] for process in nothing["processes"])
    assert stopped["error"].startswith("stopped: ")
    assert stopped["processes"]
    assert interrupted["error"].startswith("interrupted; ")


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


def test_a_policy_that_refuses_is_told_by_resource(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = Violation("image-pinned", "urn:pulumi:by-hand", "mandatory", "found latest")

    def refuse(*_: object, **__: object) -> NoReturn:
        raise PolicyRefusedError("refused by policy image-pinned", (said,))

    monkeypatch.setattr(lifecycle, "start", refuse)
    result = run("up", "--json")
    assert result.exit_code == exit_codes.REFUSED
    found = json.loads(result.stdout)
    assert found["error"] == "refused by policy image-pinned"
    assert found["problems"] == [
        {
            "policy": "image-pinned",
            "resource": "urn:pulumi:by-hand",
            "level": "mandatory",
            "message": "found latest",
        }
    ]
    assert found["models"] == []
    assert SandboxPaths(tmp_path).unfinished.exists()


def interrupt(*_: object, **__: object) -> NoReturn:
    os.kill(os.getpid(), signal.SIGHUP)
    raise AssertionError("nobody heard the signal")


def test_a_closed_terminal_is_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "start", interrupt)
    result = run("up")
    assert result.exit_code == exit_codes.ERROR
    assert "interrupted; the same command goes on from here" in result.output


def test_a_second_command_is_told_which_checkout_is_busy(tmp_path: Path) -> None:
    lock = SandboxPaths(tmp_path).lock.with_suffix(".command")
    with held_lock(lock, "up", on_wait=lambda _: None):
        result = run("down")
    assert result.exit_code == exit_codes.ERROR
    assert result.output.startswith(f"process {os.getpid()} (up, in {PACKAGE_ROOT}, for ")
    assert lock.name not in result.output


def test_a_mistyped_option_is_an_error_and_not_a_refusal() -> None:
    result = run("up", "--jsn")
    assert result.exit_code == exit_codes.ERROR
    assert "--json" in result.output


@pytest.mark.parametrize("command", ["up", "status", "scene", "down", "env"])
def test_every_command_has_an_example_that_can_be_pasted(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == exit_codes.DONE
    assert f".venv/bin/moe sandbox {command}" in result.output.partition("Example:")[2]
