"""`moe preflight` as a person or a script calls it."""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

import cli.preflight
from cli import exit_codes
from cli.main import app
from preflight.run import IAM_ACTIONS, iam_policy
from sandbox.aws_server.additions import set_service_quota
from stacks import reading

DOC = Path(__file__).parents[2] / "docs" / "how-to" / "preflight.md"
KEYS = ["stack", "verdict", "findings", "cost", "error", "problems"]
AT = ["min_nodes", "desired_nodes", "max_nodes"]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["preflight", *arguments])


@pytest.fixture
def stacks_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a copy of stack `local`, for a test to change."""
    text = reading.stack_file("local").read_text()
    (tmp_path / "Pulumi.local.yaml").write_text(text)
    monkeypatch.setattr(reading, "STACKS_DIR", tmp_path)
    return tmp_path


def _change(stacks_dir: Path, old: str, new: str) -> None:
    file = stacks_dir / "Pulumi.local.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def test_plain_lines_where_no_terminal_is() -> None:
    result = run("--stack", "local")
    assert result.exit_code == exit_codes.DONE
    lines = result.stdout.splitlines()
    assert lines[0] == (
        "ok    credentials: arn:aws:sts::123456789012:user/moto of account 123456789012"
    )
    assert "ok    offering: us-east-1a has p4d.24xlarge" in lines
    (place,) = (i for i, line in enumerate(lines) if line.startswith("warn  endpoints"))
    assert lines[place + 1].startswith("      run Pulumi inside the VPC")
    costs = [line for line in lines if line.startswith("cost  ")]
    assert [line.split()[1] for line in costs] == AT
    assert "\x1b" not in result.stdout


def test_a_table_with_colours_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    set_service_quota("L-417A185B", 0)
    terminal = partial(Console, force_terminal=True, width=100, color_system="standard")
    monkeypatch.setattr(cli.preflight, "Console", terminal)
    monkeypatch.setenv("TERM", "xterm")
    result = run("--stack", "local")
    assert result.exit_code == exit_codes.REFUSED
    assert "\x1b[32mok" in result.stdout
    assert "\x1b[33mwarn" in result.stdout
    assert "\x1b[31mfail" in result.stdout
    text = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", result.stdout)
    assert "0 vCPUs of P instances, 192 wanted: max_nodes 2 x 96" in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_cost_that_the_catalogue_does_not_know(stacks_dir: Path) -> None:
    capacity = f"capacity: {{kind: capacity_block, reservation_id: cr-{'0' * 17}}}"
    _change(stacks_dir, "    min_nodes: 1\n", f"    min_nodes: 1\n    {capacity}\n")
    lines = run("--stack", "local").stdout.splitlines()
    (costs,) = [line for line in lines if line.startswith("cost  max_nodes")]
    assert costs.endswith("16 GPU-hours an hour, no price in the catalogue (of 2026-08-26)")
    assert "      a Capacity Block is paid for when it is bought, at the price of that day" in lines


def test_one_document_with_json() -> None:
    result = run("--stack", "local", "--json")
    assert result.exit_code == exit_codes.DONE
    document = json.loads(result.stdout)
    assert list(document) == KEYS
    assert document["stack"] == "local"
    assert document["verdict"] == "warn"
    for finding in document["findings"]:
        assert list(finding) == ["check", "verdict", "found", "advice"]
    assert document["cost"]["currency"] == "USD"
    assert [document["cost"][at]["gpu_nodes"] for at in AT] == [1, 2, 2]


def test_a_fail_is_exit_code_2_with_the_same_keys() -> None:
    set_service_quota("L-417A185B", 0)
    result = run("--stack", "local", "--json")
    assert result.exit_code == exit_codes.REFUSED
    document = json.loads(result.stdout)
    assert list(document) == KEYS
    assert document["verdict"] == "fail"


def test_no_credentials_is_a_fail_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "gone")
    result = run("--stack", "local")
    assert result.exit_code == exit_codes.REFUSED
    assert result.stdout.startswith("fail  credentials: The config profile (gone)")
    assert "Traceback" not in result.output


def test_refused_settings_are_an_error(stacks_dir: Path) -> None:
    _change(stacks_dir, "memory_gib: 640", "memory_gib: 64")
    result = run("--stack", "local", "--json")
    assert result.exit_code == exit_codes.ERROR
    document = json.loads(result.stdout)
    assert list(document) == KEYS
    (problem,) = document["problems"]
    assert problem["key"] == "moe-serving:model_server.memory_gib"


def test_a_mistyped_stack() -> None:
    result = run("--stack", "prd")
    assert result.exit_code == exit_codes.ERROR
    assert "no such stack" in result.stderr
    assert "did you mean prod?" in result.stderr


def test_ctrl_c_ends_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(*arguments: object) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.preflight, "findings", pressed)
    result = run("--stack", "local")
    assert result.exit_code == exit_codes.ERROR
    assert result.stderr.startswith("interrupted")


def test_help_has_an_example_and_the_rights_that_are_needed() -> None:
    result = run("--help")
    assert result.exit_code == exit_codes.DONE
    assert "Example: .venv/bin/moe preflight --stack dev" in result.output
    for action in IAM_ACTIONS:
        assert action in result.output


def test_the_policy_in_the_manual_is_that_of_the_checks() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", DOC.read_text(), re.DOTALL)
    assert json.loads(block) == iam_policy()
