"""`moe sandbox` for stacks beside `local`, where no process is started."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import cli.sandbox
import cli.sandbox_stacks
from cli import exit_codes
from cli.main import app
from sandbox import environment_file, lifecycle
from sandbox.endpoints import new_endpoints
from sandbox.lifecycle import StartError
from sandbox.paths import SandboxPaths
from sandbox.reporter import Reporter
from sandbox.stack_sandboxes import StackSandboxes
from sandbox.summary import Summary
from stacks import reading
from stacks.settings import Settings

EMPTY_STACK: dict[str, Any] = {
    "error": None,
    "problems": [],
    "gpu_nodes": [],
    "operators": [],
    "models": [],
    "rules": [],
    "resources": 0,
}


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StackSandboxes:
    """No test here touches a sandbox of this checkout."""
    monkeypatch.setenv("MOE_CACHE_DIR", str(tmp_path / "cache"))
    modules = (cli.sandbox, cli.sandbox_stacks, lifecycle, lifecycle.status.__globals__)
    for module in modules:
        names = module if isinstance(module, dict) else vars(module)
        monkeypatch.setitem(names, "default_paths", lambda: SandboxPaths(tmp_path))
    stacks = tmp_path / "stacks"
    stacks.mkdir()
    for name in reading.stack_names():
        (stacks / f"Pulumi.{name}.yaml").write_text(reading.stack_file(name).read_text())
    monkeypatch.setattr(reading, "STACKS_DIR", stacks)
    return StackSandboxes(tmp_path)


@dataclass
class Ups:
    """Instead of sandboxes: which stacks were asked for, of which one cannot start."""

    failing: str | None = None
    asked: list[str] = field(default_factory=list)

    def up(
        self, of: StackSandboxes, stack: str, settings: Settings, reporter: Reporter, output: object
    ) -> tuple[Summary, int]:
        self.asked.append(stack)
        if stack == self.failing:
            raise StartError("etcd ended by itself")
        return Summary(), 90


@pytest.fixture
def ups(monkeypatch: pytest.MonkeyPatch) -> Ups:
    ups = Ups()
    monkeypatch.setattr(StackSandboxes, "up", lambda of, *given: ups.up(of, *given))
    return ups


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["sandbox", *arguments])


def document(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def stopped(checkout: StackSandboxes, stack: str) -> None:
    """A sandbox of the stack, of which no process runs."""
    paths = checkout.paths(stack)
    new_endpoints(paths).write(paths.endpoints)
    file = checkout.stack_files / f"{stack}.env"
    file.write_text(environment_file.text_of({"A": "b"}, set()))


def test_each_stack_comes_up_once_in_the_order_asked_for(ups: Ups) -> None:
    result = run("up", *("--stack", "staging", "--stack", "dev", "--stack", "staging"))
    assert result.exit_code == exit_codes.DONE, result.output
    assert ups.asked == ["staging", "dev"]
    assert "90 resources in stack dev" in result.stdout
    assert ".venv/bin/moe promote staging dev" in result.stdout


def test_one_document_a_stack(ups: Ups) -> None:
    result = run("up", "--json", "--stack", "dev", "--stack", "prod")
    up = {**EMPTY_STACK, "resources": 90}
    assert document(result) == {"error": None, "problems": [], "stacks": {"dev": up, "prod": up}}


def test_a_failure_tells_what_is_up_by_then(ups: Ups) -> None:
    ups.failing = "staging"
    result = run("up", "--json", *("--stack", "dev", "--stack", "staging", "--stack", "prod"))
    assert result.exit_code == exit_codes.ERROR
    found = document(result)
    assert found["error"] == "etcd ended by itself"
    assert {stack: each["resources"] for stack, each in found["stacks"].items()} == {
        "dev": 90,
        "staging": 0,
        "prod": 0,
    }
    assert ups.asked == ["dev", "staging"]


def test_a_stack_that_is_none_is_refused_before_any_starts(ups: Ups) -> None:
    result = run("up", "--stack", "dev", "--stack", "stagin")
    assert result.exit_code == exit_codes.ERROR
    assert "stacks are dev, local, prod, staging; did you mean staging?" in result.output
    assert ups.asked == []


def test_a_file_of_somebody_else_is_refused_before_any_starts(
    ups: Ups, checkout: StackSandboxes
) -> None:
    file = checkout.stack_files / "prod.env"
    file.write_text("AWS_PROFILE=prod\n")
    result = run("up", "--stack", "dev", "--stack", "prod")
    assert result.exit_code == exit_codes.ERROR
    assert "stacks/prod.env is not the sandbox's" in result.output
    assert ups.asked == []
    run("down")
    assert file.read_text() == "AWS_PROFILE=prod\n"


def test_stack_local_is_no_exception(ups: Ups, checkout: StackSandboxes) -> None:
    file = checkout.stack_files / "local.env"
    file.write_text("AWS_PROFILE=mine\n")
    result = run("up")
    assert result.exit_code == exit_codes.ERROR
    assert "stacks/local.env is not the sandbox's" in result.output
    assert not checkout.checkout.joinpath(".sandbox").exists()


def test_the_file_of_stack_local_is_of_no_sandbox_beside_it(checkout: StackSandboxes) -> None:
    file = checkout.stack_files / "local.env"
    file.write_text(environment_file.text_of({"A": "b"}, set()))
    assert checkout.names() == []
    run("down")
    assert not file.exists()


def test_a_key_of_an_account_is_refused_before_any_starts(
    ups: Ups, checkout: StackSandboxes
) -> None:
    with (checkout.stack_files / "Pulumi.prod.yaml").open("a") as file:
        file.write("secretsprovider: awskms://alias/prod\n")
    result = run("up", "--json", "--stack", "dev", "--stack", "prod")
    (problem,) = document(result)["problems"]
    assert problem["key"] == "secretsprovider"
    assert ups.asked == []


def test_prometheus_is_of_stack_local(ups: Ups) -> None:
    result = run("up", "--stack", "dev", "--prometheus")
    assert result.exit_code == exit_codes.ERROR
    assert "--prometheus and --speed are for stack local" in result.output
    assert ups.asked == []


def test_status_tells_of_each_stack_and_what_to_do(checkout: StackSandboxes) -> None:
    stopped(checkout, "dev")
    result = run("status")
    assert result.exit_code == exit_codes.ERROR
    assert "stack: dev  sandbox: stopped  memory: 0 MiB" in result.stdout
    assert "stack dev is stopped; `moe sandbox up --stack dev` goes on from there" in result.output


def test_status_has_the_same_keys_with_stacks(checkout: StackSandboxes) -> None:
    nothing = document(run("status", "--json"))
    stopped(checkout, "dev")
    found = document(run("status", "--json"))
    assert list(nothing) == list(found)
    assert nothing["stacks"] == []
    assert found["stacks"] == [
        {"stack": "dev", "running": False, "finished": True, "memory_mib": 0}
    ]


def test_down_leaves_nothing(checkout: StackSandboxes) -> None:
    before = sorted(checkout.checkout.rglob("*"))
    stopped(checkout, "dev")
    stopped(checkout, "prod")
    result = run("down", "--json")
    assert result.exit_code == exit_codes.DONE
    assert document(result)["stacks"] == {"dev": [], "prod": []}
    cache = checkout.checkout / "cache"
    after = [path for path in checkout.checkout.rglob("*") if not path.is_relative_to(cache)]
    assert sorted(after) == before
    assert run("down").exit_code == exit_codes.NOTHING_TO_DO


def test_down_removes_the_file_of_a_sandbox_that_was_removed_by_hand(
    checkout: StackSandboxes,
) -> None:
    file = checkout.stack_files / "dev.env"
    file.write_text(environment_file.text_of({"A": "b"}, set()))
    assert run("down").exit_code == exit_codes.DONE
    assert not file.exists()


def test_keep_keeps(checkout: StackSandboxes) -> None:
    stopped(checkout, "dev")
    assert run("down", "--keep").exit_code == exit_codes.DONE
    assert checkout.paths("dev").endpoints.exists()
    assert environment_file.our_stacks(checkout.stack_files) == ["dev"]


def test_env_of_a_stack_says_how_to_start_it() -> None:
    result = run("env", "--stack", "dev")
    assert result.exit_code == exit_codes.ERROR
    assert "the sandbox of stack dev does not run; `moe sandbox up --stack dev`" in result.output
