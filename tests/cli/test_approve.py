"""`moe approve` as a person or a script calls it, with real keys."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner, Result

from cli import approve, exit_codes
from cli.main import app
from durable.places import PACKAGE_ROOT
from promotion.release import Release
from promotion.release_store import ReleaseStore
from stacks import reading
from stacks.released import IMAGE, Released, moved_values
from tests.promotion.people import ANN, BOB, CAT, Team, fingerprint, new_key
from tests.promotion.repositories import git
from tests.promotion.terminal import talk

KEYS = [
    *("target", "source", "release", "approver", "changes", "files", "gate"),
    *("error", "problems"),
]
NOBODY_TO_ASK = "not signed: with --json, or without a terminal, nobody is asked; add --yes to sign"
NEW_IMAGE = f"sha256:{'4' * 64}"


def change(root: Path, stack: str, **values: object) -> None:
    path = reading.stack_file(stack, root / "stacks")
    yaml = YAML()
    document = yaml.load(path)
    document["config"].setdefault("moe-serving:promotion", {}).update(values)
    yaml.dump(document, path)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("keys")
    return {name: new_key(folder / name) for name in (ANN, BOB, CAT)}


@pytest.fixture
def team(tmp_path: Path, keys: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch) -> Team:
    """Production demands two of three; Ann is who calls. Nothing of the real user is read."""
    root, home = tmp_path / "repository", tmp_path / "home"
    (root / "stacks").mkdir(parents=True)
    (home / ".ssh").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "SSH_AUTH_SOCK"):
        monkeypatch.delenv(name, raising=False)
    for stack in ("staging", "prod"):
        content = reading.stack_file(stack, PACKAGE_ROOT / "stacks").read_text()
        reading.stack_file(stack, root / "stacks").write_text(content)
    change(root, "prod", source="staging", approvals=2, approvers=[ANN, BOB, CAT])
    team = Team(root, keys)
    team.allow(*(team.line(name) for name in keys))
    git(root, "init", "--quiet")
    git(root, "config", "user.name", "Ann")
    git(root, "config", "user.email", ANN)
    monkeypatch.setattr(approve, "PACKAGE_ROOT", root)
    return team


@pytest.fixture
def release(team: Team) -> Release:
    """With another image than production has; Cat wrote it."""
    git(team.root, "add", "--all")
    git(team.root, "commit", "--quiet", "--message", "x", "--author", f"Cat <{CAT.upper()}>")
    settings = reading.from_file("prod", team.root / "stacks")
    contents = Released(
        model=settings.model_server.model,
        settings={**moved_values(settings), IMAGE: NEW_IMAGE},
        policy_pack="1",
        alert_rules=f"sha256:{'a' * 64}",
        program=f"sha256:{'b' * 64}",
    )
    made = Release(contents=contents, git_commit=git(team.root, "rev-parse", "HEAD"))
    ReleaseStore(team.root).add(made)
    return made


def run(*arguments: str | Path) -> Result:
    """With no question: a test has no terminal."""
    return unasked(*arguments, "--yes")


def unasked(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["approve", *map(str, arguments)])


def said(*arguments: str | Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run(*arguments, "--json").stdout)
    assert list(document) == KEYS
    return document


def flat(result: Result) -> str:
    return " ".join(result.stderr.split())


def test_it_shows_what_is_signed_and_which_files_to_commit(team: Team, release: Release) -> None:
    result = run("prod", "--release", release.short_id, "--key", team.keys[ANN])
    assert result.exit_code == exit_codes.DONE, result.output
    lines = result.stdout.splitlines()
    assert f"  release: {release.id}" in lines
    assert "  from: staging" in lines
    assert "  to: prod" in lines
    assert "  after: nothing: the first of its record" in lines
    now = f"sha256:{'3' * 64}"
    assert f"  key: {IMAGE}  now: {now}  then: {NEW_IMAGE}" in lines
    assert lines.index("What would change in stacks/Pulumi.prod.yaml") < lines.index(
        f"Signed as {ANN}."
    )
    assert f"Approvals: 1 of 2 signed: {ANN}; not counted: {CAT} (own change)" in lines
    file = f"releases/approvals/prod/{release.id}/{ANN}.json"
    assert lines[-1] == f"Now commit both files: git add {file} {file}.sig"
    assert {str(path.relative_to(team.root)) for path in team.approvals()} == {file, f"{file}.sig"}


def test_json(team: Team, release: Release) -> None:
    key = team.keys[BOB]
    document = said("prod", "--release", release.short_id, "--as", BOB, "--key", key)
    assert document["error"] is None
    assert document["approver"] == BOB
    assert document["changes"] == [
        {"key": IMAGE, "before": f"sha256:{'3' * 64}", "after": NEW_IMAGE}
    ]
    assert document["gate"]["outcome"] == "fail"
    assert fingerprint(key) in document["gate"]["details"][1]
    assert [team.root / each for each in document["files"]] == sorted(team.approvals())


def test_the_usual_key_is_taken_and_the_approver_named_as_the_settings_spell_it(
    team: Team, release: Release
) -> None:
    usual = Path.home() / ".ssh" / "id_ed25519"
    new_key(usual)
    team.allow(team.line(BOB, of=BOB), f"{ANN} {usual.with_suffix('.pub').read_text()}")
    document = said("prod", "--release", release.short_id, "--as", ANN.upper())
    assert document["error"] is None
    assert document["approver"] == ANN


def test_the_same_again_is_nothing_to_do(team: Team, release: Release) -> None:
    words = ("prod", "--release", release.short_id, "--key", team.keys[ANN])
    run(*words)
    before = {path: path.read_bytes() for path in team.approvals()}
    result = run(*words)
    assert result.exit_code == exit_codes.NOTHING_TO_DO
    assert f"{ANN} has approved this already: signed at " in flat(result)
    assert {path: path.read_bytes() for path in team.approvals()} == before


def test_after_a_promotion_it_is_signed_again(team: Team, release: Release) -> None:
    words = ("prod", "--release", release.short_id, "--key", team.keys[ANN])
    run(*words)
    applied = team.apply("5" * 64)
    result = run(*words)
    assert result.exit_code == exit_codes.DONE
    assert f"  after: {applied.hash}" in result.stdout


def test_who_wrote_the_release_signs_nothing(team: Team, release: Release) -> None:
    result = run("prod", "--release", release.short_id, "--as", CAT, "--key", team.keys[CAT])
    assert result.exit_code == exit_codes.REFUSED
    assert f"{CAT} wrote this release: the approval would not count" in flat(result)
    assert not team.approvals()


def test_another_source(team: Team, release: Release) -> None:
    words = ("prod", "--release", release.short_id, "--key", team.keys[ANN])
    assert said(*words, "--from", "prod")["source"] == "prod"
    nowhere = run(*words, "--from", "nowhere")
    assert nowhere.exit_code == exit_codes.ERROR
    assert "no such stack" in flat(nowhere)


@pytest.mark.parametrize("name", ["eve@example.com", "../x", "-x", "a b", "ä@example.com"])
def test_who_is_no_approver(team: Team, release: Release, name: str) -> None:
    key = team.keys[ANN]
    document = said("prod", "--release", release.short_id, f"--as={name}", "--key", key)
    assert document["error"].startswith(f"{name!r} is no approver of prod; allowed by --as: {ANN},")
    assert not team.approvals()


def test_a_hostile_approver_in_the_settings(team: Team, release: Release) -> None:
    change(team.root, "prod", approvers=[ANN, BOB, "../x"])
    result = run("prod", "--release", release.short_id, "--as", "../x", "--key", team.keys[ANN])
    assert result.exit_code == exit_codes.ERROR
    assert 'moe-serving:promotion.approvers.2: "../x" is not allowed' in flat(result)
    assert not team.approvals()


@pytest.mark.parametrize("stack", ["..", "../prod", "nowhere"])
def test_a_stack_that_is_none(team: Team, release: Release, stack: str) -> None:
    result = run(stack, "--release", release.short_id)
    assert result.exit_code == exit_codes.ERROR
    assert "no such stack" in flat(result)


def test_a_release_that_is_none(team: Team) -> None:
    document = said("prod", "--release", "abcdef")
    assert document["error"] == "release abcdef: there is none; `moe release list` shows them"


def test_a_stack_that_demands_none(team: Team, release: Release) -> None:
    result = run("staging", "--release", release.short_id)
    assert result.exit_code == exit_codes.NOTHING_TO_DO
    assert "staging demands no approvals (moe-serving:promotion.approvals)" in flat(result)


def test_a_key_of_somebody_else(team: Team, release: Release) -> None:
    document = said("prod", "--release", release.short_id, "--key", team.keys[BOB])
    assert f"the key {fingerprint(team.keys[BOB])} is none that" in document["error"]
    assert not team.approvals()


def test_without_a_key(team: Team, release: Release) -> None:
    document = said("prod", "--release", release.short_id)
    assert "id_ed25519: there is none; name one by --key" in document["error"]


def test_the_release_is_not_guessed(team: Team) -> None:
    result = run("prod")
    assert result.exit_code == exit_codes.ERROR
    assert "--release" in result.stderr


def test_in_a_pipe_it_shows_and_signs_nothing_without_yes(team: Team, release: Release) -> None:
    result = unasked("prod", "--release", release.short_id, "--key", team.keys[ANN])
    assert result.exit_code == exit_codes.ERROR
    assert f"  release: {release.id}" in result.stdout.splitlines()
    assert flat(result) == NOBODY_TO_ASK
    assert not team.approvals()


def test_json_signs_nothing_without_yes(team: Team, release: Release) -> None:
    words = ("prod", "--release", release.short_id, "--key", team.keys[ANN], "--json")
    result = unasked(*words)
    document = json.loads(result.stdout)
    assert result.exit_code == exit_codes.ERROR
    assert list(document) == KEYS
    assert document["error"] == NOBODY_TO_ASK
    assert not team.approvals()


_ON_A_TERMINAL = """
import sys
from pathlib import Path
from cli import approve, main
approve.PACKAGE_ROOT = Path(sys.argv.pop(1))
main.app()
"""


@pytest.mark.parametrize(("answer", "code"), [("y", exit_codes.DONE), ("n", exit_codes.REFUSED)])
def test_on_a_terminal_it_asks_once_all_is_shown(
    team: Team, release: Release, answer: str, code: int
) -> None:
    words = ["approve", "prod", "--release", release.short_id, "--key", team.keys[ANN]]
    command = [sys.executable, "-c", _ON_A_TERMINAL, team.root, *words]
    question = f"Sign this as {ANN}? [y/N]:"
    found, shown = talk(command, {question: answer})
    assert found == code, shown
    assert shown.index("What would change in stacks/Pulumi.prod.yaml") < shown.index(question)
    assert bool(team.approvals()) is (answer == "y")


def test_json_on_a_terminal_signs_nothing_without_yes(team: Team, release: Release) -> None:
    words = ["approve", "prod", "--release", release.short_id, "--key", team.keys[ANN], "--json"]
    found, shown = talk([sys.executable, "-c", _ON_A_TERMINAL, team.root, *words], {})
    assert found == exit_codes.ERROR
    assert NOBODY_TO_ASK in shown
    assert not team.approvals()
