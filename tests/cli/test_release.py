"""`moe release` as a person or a script calls it, over a repository of its own."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli import exit_codes
from cli.main import app
from promotion.release import release_rows
from promotion.release_store import ReleaseStore
from stacks import reading
from tests.promotion.releases import release, store
from tests.promotion.repositories import git, new_repository

KEYS = {
    "create": ["error", "problems", "release", "is_new"],
    "show": ["error", "problems", "release"],
    "list": ["error", "problems", "releases"],
    "diff": ["error", "problems", "changes"],
}


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("cli.release.PACKAGE_ROOT", tmp_path)
    new_repository(
        tmp_path,
        {
            "__main__.py": "pass\n",
            "policies/PulumiPolicy.yaml": "version: 1.4.0\n",
            "stacks/Pulumi.dev.yaml": reading.stack_file("dev").read_text(),
        },
    )
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["release", *arguments])


def run_json(command: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    result = run(command, *arguments, "--json")
    said = json.loads(result.stdout)
    assert list(said) == KEYS[command]
    assert bool(said["error"]) == (result.exit_code == exit_codes.ERROR)
    return result.exit_code, said


def test_create_and_again(root: Path) -> None:
    code, said = run_json("create", "--stack", "dev")
    assert (code, said["is_new"]) == (exit_codes.DONE, True)
    (made,) = ReleaseStore(root)
    assert said["release"] == {
        "id": made.id,
        **made.contents.model_dump(),
        "git_commit": git(root, "rev-parse", "HEAD"),
    }
    code, again = run_json("create", "--stack", "dev")
    assert (code, again["is_new"]) == (exit_codes.NOTHING_TO_DO, False)
    assert again["release"] == said["release"]


def test_create_says_which_file_is_to_be_committed(root: Path) -> None:
    result = run("create", "--stack", "dev")
    (made,) = ReleaseStore(root)
    first, *rest = result.stdout.splitlines()
    assert first == f"release {made.short_id}: commit releases/{made.id}.json"
    value = made.contents.settings["charts.gpu_operator"]
    assert f"  charts.gpu_operator: {value}" in rest
    result = run("create", "--stack", "dev")
    assert result.exit_code == exit_codes.NOTHING_TO_DO
    assert "has just this already" in result.stdout


def test_create_of_a_program_that_is_not_committed(root: Path) -> None:
    (root / "__main__.py").write_text("changed\n")
    code, said = run_json("create", "--stack", "dev")
    assert code == exit_codes.ERROR
    assert "commit what `git status` shows" in said["error"]


@pytest.mark.parametrize(
    ("command", "digits"), [("show", ("abc",)), ("show", ("ffff",)), ("diff", ("ffff", "abc"))]
)
def test_a_release_that_there_is_not(command: str, digits: tuple[str, ...]) -> None:
    code, said = run_json(command, *digits)
    assert code == exit_codes.ERROR
    assert said["error"].startswith(f"release {digits[0]}: ")


def test_show(root: Path) -> None:
    store(root, 1)
    code, said = run_json("show", release(1).id[:6])
    assert (code, said["release"]["id"]) == (exit_codes.DONE, release(1).id)
    text = run("show", release(1).id[:6]).stdout
    for what, value in release_rows(release(1)).items():
        assert f"  {what}: {value}\n" in text
    assert text.startswith(f"Release {release(1).id}\n")


def test_list(root: Path) -> None:
    code, said = run_json("list")
    assert (code, said["releases"]) == (exit_codes.NOTHING_TO_DO, [])
    assert "moe release create" in run("list").stdout
    store(root, 1, 2)
    code, said = run_json("list")
    assert code == exit_codes.DONE
    ids = sorted(release(number).id for number in (1, 2))
    assert [each["id"] for each in said["releases"]] == ids
    assert all(each[:12] in run("list").stdout for each in ids)


def test_one_changed_file_is_an_error_of_the_whole_list(root: Path) -> None:
    file = store(root, 1).file(release(1))
    file.write_text(file.read_text().replace("1.0.1", "1.0.2"))
    code, said = run_json("list")
    assert code == exit_codes.ERROR
    assert "somebody has changed it" in said["error"]


def test_diff(root: Path) -> None:
    store(root, 1, 2)
    one, two = release(1).id[:8], release(2).id[:8]
    code, said = run_json("diff", one, two)
    assert code == exit_codes.DONE
    by_key = {each["key"]: (each["before"], each["after"]) for each in said["changes"]}
    assert by_key["charts.keda"] == ("1.0.1", "1.0.2")
    assert by_key["git_commit"] == (release(1).git_commit, release(2).git_commit)
    assert "model" not in by_key
    assert "1.0.1" in run("diff", one, two).stdout
    code, said = run_json("diff", one, one)
    assert (code, said["changes"]) == (exit_codes.NOTHING_TO_DO, [])
    assert run("diff", one, one).stdout == "nothing differs\n"
