"""`moe check --stack` at its edges; on the real engine: tests/engine/test_check.py."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import check_stack, exit_codes
from cli.main import app
from gate.report import Outcome, Section, Step
from gate.stacks.check import Asked


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here waits for a check of this checkout, or ends one's sandbox."""
    monkeypatch.setenv("MOE_CACHE_DIR", str(tmp_path))


def moe(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["check", *arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--stack", "devv"), "no such stack; stacks are dev, local, prod, staging; did you mean"),
        (("--stack", "dev", "--base", "no-such"), "git knows no such commit"),
        (("--stack", "dev", "--live", "--base", "main"), "leave out --base"),
        (("--stack", "dev", "--output", "report.pdf"), "suffix .pdf says no format"),
        (("--stack", "dev", "--policy-config", "no-such.json"), "no-such.json"),
        (("--stack", "dev", "--no-such"), "No such option"),
        (("--stack", "dev", "--no-base", "--base", "main"), "contradict each other"),
        (("--all", "manifests", "-"), "--all before manifests"),
        (("--stack", "dev", "manifests", "-"), "--stack before manifests"),
        ((), "nothing to check; allowed: --stack S"),
    ],
)
def test_a_bad_option_is_an_error_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], says: str
) -> None:
    monkeypatch.setattr(check_stack, "check", _never)
    code, printed, told = moe(*arguments)
    assert code == exit_codes.ERROR
    assert says in told
    assert printed == ""


def test_live_without_pulumi_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    code, _, told = moe("--stack", "dev", "--live")
    assert code == exit_codes.ERROR
    assert "pulumi is not on PATH" in told


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (Outcome.PASSED, exit_codes.DONE),
        (Outcome.REFUSED, exit_codes.REFUSED),
        (Outcome.ERROR, exit_codes.ERROR),
        (Outcome.SKIPPED, exit_codes.DONE),
    ],
)
def test_the_exit_code_is_the_worst_of_all_stacks(
    monkeypatch: pytest.MonkeyPatch, outcome: Outcome, code: int
) -> None:
    def checked(stack: str, asked: Asked) -> Section:
        ended = outcome if stack == "dev" else Outcome.PASSED
        return Section(stack, [Step("preview", ended, "so it was")])

    monkeypatch.setattr(check_stack, "check", checked)
    found, printed, _ = moe("--all", "--no-base", "--json")
    assert found == code
    assert [each["name"] for each in json.loads(printed)["sections"]] == [
        *("dev", "local", "prod", "staging")
    ]


def _never(stack: str, asked: Asked) -> Section:
    raise AssertionError("nothing was to be checked")
