"""Where the report of a check goes."""

import json
import stat
from pathlib import Path

import pytest
import typer

from cli.answer import CommandError
from cli.check_output import Outlet
from gate.formats import Format, render
from gate.report import Report
from tests.gate.formats.reports import CLEAN, EVERYTHING, PROD


def outlet(*files: Path, form: Format = Format.TERMINAL, as_json: bool = False) -> Outlet:
    return Outlet.of(as_json, form, files, github_summary=False)


def test_files_are_written_by_their_suffix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("a.json", "a.md", "a.sarif", "a.xml")
    outlet(*(tmp_path / name for name in names)).tell(CLEAN)
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(names)
    assert json.loads((tmp_path / "a.json").read_text())["outcome"] == "passed"
    assert (tmp_path / "a.md").read_text() == render(CLEAN, Format.MARKDOWN)
    assert json.loads((tmp_path / "a.sarif").read_text())["version"] == "2.1.0"
    assert (tmp_path / "a.xml").read_text().startswith("<?xml")
    assert capsys.readouterr().out == render(CLEAN, Format.TERMINAL)
    assert (tmp_path / "a.md").stat().st_mode & stat.S_IROTH


@pytest.mark.parametrize(
    ("report", "code"), [(Report([PROD], "1"), 2), (EVERYTHING, 1)], ids=["refused", "error"]
)
def test_the_exit_code_is_the_outcome_s(report: Report, code: int, tmp_path: Path) -> None:
    with pytest.raises(typer.Exit) as ended:
        outlet(tmp_path / "a.json").tell(report)
    assert ended.value.exit_code == code
    assert (tmp_path / "a.json").exists()


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    outlet(as_json=True).tell(CLEAN)
    assert json.loads(capsys.readouterr().out)["outcome"] == "passed"


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("a.txt", "suffix .txt says no format; allowed: .json, .md, .sarif, .xml"),
        ("a", "suffix none says no format"),
        ("folder.md", "is a folder; allowed: a file in it"),
        ("missing/a.md", "missing is no folder"),
    ],
)
def test_what_cannot_be_written_is_told_before_the_work(
    file: str, told: str, tmp_path: Path
) -> None:
    (tmp_path / "folder.md").mkdir()
    with pytest.raises(CommandError) as refused:
        outlet(tmp_path / file)
    assert str(refused.value).startswith(f"--output {tmp_path / file}: ")
    assert told in str(refused.value)


def test_a_file_that_cannot_be_replaced_keeps_what_it_had(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = outlet(tmp_path / "a.md")
    (tmp_path / "a.md").mkdir()
    with pytest.raises(CommandError, match=r"--output .*a\.md: cannot be written: Is a directory"):
        there.tell(CLEAN)
    assert [each.name for each in tmp_path.iterdir()] == ["a.md"]
    assert capsys.readouterr().out == ""


def test_two_things_cannot_be_printed_at_once() -> None:
    with pytest.raises(CommandError, match="--json and --format sarif cannot both"):
        outlet(form=Format.SARIF, as_json=True)


def test_the_summary_of_a_job_is_added_to_only_if_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    outlet().tell(CLEAN)
    assert summary.read_text() == "before\n"
    Outlet.of(False, Format.TERMINAL, [], github_summary=True).tell(CLEAN)
    assert summary.read_text() == "before\n" + render(CLEAN, Format.MARKDOWN)


def test_a_summary_outside_a_job_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    with pytest.raises(CommandError, match="--github-summary: GITHUB_STEP_SUMMARY is not set"):
        Outlet.of(False, Format.TERMINAL, [], github_summary=True)
