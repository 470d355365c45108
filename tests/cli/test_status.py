"""`moe status` as a person or a script calls it."""

import io
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from cli import exit_codes, status
from cli.main import app
from promotion.status.asking import Asking
from promotion.status.page import page
from promotion.status.report import DriftSeen, DriftVerdict, Report, Runs, StackStatus
from stacks import reading
from tests.promotion.status.statuses import NOW, hostile_day, update, usual_day


def moe(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["status", *arguments])


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Asking]:
    """A usual day whoever asks; how it was asked."""
    return says(monkeypatch, usual_day())


def says(monkeypatch: pytest.MonkeyPatch, report: Report) -> list[Asking]:
    asked = []

    def status_of(names: Iterable[str], asking: Asking) -> Report:
        asked.append(asking)
        asking.told("asking Pulumi about dev")
        return report

    monkeypatch.setattr(status, "status_of", status_of)
    return asked


def of(*stacks: StackStatus) -> Report:
    return Report(NOW, stacks)


DAY = usual_day()
FINE = StackStatus("dev", NOW, runs=Runs.NOTHING)
DRIFTED = replace(FINE, runs=Runs.RELEASE, drift=DriftSeen(DriftVerdict.FOUND, "1 resource"))
BROKEN = replace(FINE, problems=("denied",))
FAILED = replace(
    FINE,
    runs=Runs.RELEASE,
    failed=replace(update(2), result="failed"),
    problems=("stack dev: the newest update is failed",),
)


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (of(FINE), exit_codes.DONE),
        (of(FINE, DRIFTED), exit_codes.REFUSED),
        (of(DRIFTED, BROKEN, FINE), exit_codes.ERROR),
        (of(DRIFTED, FAILED, FINE), exit_codes.ERROR),
        (of(), exit_codes.NOTHING_TO_DO),
    ],
    ids=["fine", "drift", "cannot be asked, and drift", "failed, and drift", "no stack"],
)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_the_exit_code_says_what_was_found(
    monkeypatch: pytest.MonkeyPatch, report: Report, code: int, form: tuple[str, ...]
) -> None:
    says(monkeypatch, report)
    assert moe(*form).exit_code == code


def test_in_a_pipe_each_stack_is_a_line(told: list[Asking]) -> None:
    lines = moe().stdout.splitlines()
    assert lines[0] == (
        "dev  state: soaking  release: 40cebd24a42b  runs for: 5 h 12 min"
        "  soak: 18 h 48 min left for staging  drift: no drift"
        "  waivers: 1, next expires 2026-12-31  USD an hour: 22.81"
    )
    assert [line.split()[0] for line in lines[:7]] == [each.stack for each in usual_day().stacks]
    assert "! prod-asia: stack prod-asia: its state cannot be read" in lines[8]
    assert lines[-1].startswith("7 stacks; 1 cannot be asked; ")


def test_what_it_waits_for_is_said_on_standard_error(told: list[Asking]) -> None:
    result = moe("--json")
    assert "asking Pulumi about dev" in result.stderr
    assert "asking Pulumi" not in result.stdout


def test_a_document_has_the_same_keys_whatever_happens(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    says(monkeypatch, usual_day())
    well = document("--json")
    failed = document("--json", "--html", str(tmp_path / "missing" / "status.html"))
    assert list(well) == list(failed)
    assert failed["error"].endswith("is no folder")
    assert well["error"] == "problems with prod-asia"


def document(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(moe(*arguments).stdout)
    return found


def test_a_script_finds_everything_in_the_document(told: list[Asking]) -> None:
    found = document("--json")
    stacks = {each["stack"]: each for each in found["stacks"]}
    assert found["asked_at"] == "2026-11-28T12:00:00+00:00"
    assert stacks["dev"]["soaks"] == [
        {
            "target": "staging",
            "soak_hours": 24,
            "left_hours": pytest.approx(18.8),
            "ends": "2026-11-29T06:48:00+00:00",
        }
    ]
    assert stacks["prod"]["drift"]["verdict"] == "drift"
    assert [each["expired"] for each in stacks["prod"]["waivers"]] == [True, False]
    assert stacks["prod-eu"]["interrupted"]["stage"] == "begun"
    assert stacks["lab"]["updating_since"] == "2026-11-28T11:45:00+00:00"
    assert stacks["local"]["release"] is None
    keys = [list(each) for each in found["stacks"]]
    assert keys == [keys[0]] * 7


def test_a_failed_update_is_told_to_people_and_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, of(FAILED))
    lines = moe().stdout.splitlines()
    assert lines[0].startswith("dev  state: failed  ")
    assert lines[1] == "! dev: stack dev: the newest update is failed"
    found = document("--json")
    assert found["error"] == "problems with dev"
    assert found["stacks"][0]["standing"] == "failed"
    assert found["stacks"][0]["failed_update"] == {
        "kind": "update",
        "result": "failed",
        "started": "2026-11-28T09:45:00+00:00",
        "ended": "2026-11-28T10:00:00+00:00",
    }


def test_a_page_is_written_too(told: list[Asking], tmp_path: Path) -> None:
    path = tmp_path / "status.html"
    assert document("--json", "--html", str(path))["page"] == str(path)
    assert path.read_text() == page(usual_day())


def test_drift_is_looked_for_only_where_it_is_asked_for(told: list[Asking]) -> None:
    moe()
    moe("--drift")
    assert [asking.drift_of is not None for asking in told] == [False, True]


def test_what_is_the_same_for_all_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, of(BROKEN, replace(BROKEN, stack="prod"), FINE))
    said = [line for line in moe().stdout.splitlines() if line.startswith("!")]
    assert said == ["! dev, prod: denied"]


def test_without_pulumi_each_stack_is_told_and_the_reason_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    result = moe()
    assert result.exit_code == exit_codes.ERROR
    assert result.stdout.count("pulumi is not on PATH") == 1
    assert result.stdout.count("cannot be asked  release: not known") == len(reading.stack_names())


def test_a_narrow_terminal_gets_a_block_a_stack_with_no_word_broken() -> None:
    screen = io.StringIO()
    status._show(Console(file=screen, force_terminal=True, width=80, color_system=None), DAY)
    shown = screen.getvalue().splitlines()
    assert shown[0].split() == ["dev", "soaking"]
    assert shown[1].startswith("  release: 40cebd24a42b, runs for: 5 h 12 min, soak: 18 h 48 min")
    notes = next(at for at, line in enumerate(shown) if line.startswith("!"))
    assert max(map(len, shown[:notes])) <= 80
    said = " ".join(" ".join(shown).split())
    assert all(each.standing.value in said for each in DAY.stacks)


def test_a_terminal_gets_a_table_with_every_text_as_it_is() -> None:
    screen = io.StringIO()
    console = Console(
        file=screen, force_terminal=True, width=400, highlight=False, color_system=None
    )
    odd = replace(hostile_day().stacks[0], stack="[red]dev[/red]")
    status._show(console, of(odd, *usual_day().stacks))
    shown = screen.getvalue()
    assert "Stacks at 2026-11-28 12:00 UTC" in shown
    assert "[red]dev[/red]" in shown
    assert "onerror=alert(1)" in shown
    assert shown.count("│") > 8 * 7
