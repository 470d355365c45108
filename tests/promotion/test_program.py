"""The program of a release, extracted from its commit with the stack's file as it will be."""

import stat
from pathlib import Path

import pytest

from promotion import packages
from promotion.gate import Outcome
from promotion.program import GATE, program_of
from promotion.release import Release
from stacks.released import program_digest
from tests.promotion.releases import release as numbered
from tests.promotion.repositories import commit, git, new_repository

FILES = {
    "Pulumi.yaml": "name: small\n",
    "__main__.py": "pass\n",
    "stacks/Pulumi.dev.yaml": "config: {}\n",
    "policies/PulumiPolicy.yaml": "runtime: python\n",
}
STACK_TEXT = "config: {é: 1}\r\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    new_repository(tmp_path / "repository", FILES)
    return tmp_path / "repository"


def release(root: Path, **said: str) -> Release:
    contents = numbered(1).contents.model_copy(update={"program": program_digest(root)})
    commit = git(root, "rev-parse", "HEAD")
    return Release(contents=contents, git_commit=commit).model_copy(update=said)


def test_it_is_that_of_the_commit_wherever_the_checkout_stands(root: Path) -> None:
    old = release(root)
    commit(root, {"__main__.py": "raise SystemExit\n", "stacks/Pulumi.dev.yaml": "config: {a: 1}"})
    (root / "__main__.py").write_text("not committed\n")
    with program_of(root, old, "dev", STACK_TEXT) as program:
        assert program.gate.outcome == Outcome.PASSED
        assert old.git_commit[:12] in program.gate.evidence
        assert (program.folder / "__main__.py").read_text() == "pass\n"
        written = program.folder / "stacks" / "Pulumi.dev.yaml"
        assert written.read_bytes().decode() == STACK_TEXT
        assert stat.S_IMODE(written.stat().st_mode) == 0o600
        private = program.folder.parent
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert program.plan.parent == private
        assert not program.plan.exists()
    assert not private.exists()
    assert (root / "stacks" / "Pulumi.dev.yaml").read_text() == "config: {a: 1}"


def test_it_is_gone_after_an_error_too(root: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        program_of(root, release(root), "dev", STACK_TEXT) as program,
    ):
        raise KeyboardInterrupt
    assert not program.folder.parent.exists()


def test_a_commit_that_is_not_here_fails_and_says_how_to_get_it(root: Path) -> None:
    with program_of(root, release(root, git_commit="f" * 40), "dev", STACK_TEXT) as program:
        gate = program.gate
        assert not (program.folder / "stacks").exists()
    assert (gate.gate, gate.outcome) == (GATE, Outcome.FAILED)
    assert "ffffffffffff is not here" in gate.evidence
    assert gate.remedy == f"git fetch origin {'f' * 40}"


def test_a_commit_out_of_the_history_fails_and_says_what_to_do(root: Path) -> None:
    """Nobody has merged it; or it was squashed, and a clone will not have it."""
    git(root, "checkout", "--quiet", "-b", "topic")
    commit(root, {"__main__.py": "raise SystemExit\n"})
    of_topic = release(root)
    git(root, "checkout", "--quiet", "main")
    with program_of(root, of_topic, "dev", STACK_TEXT) as program:
        gate = program.gate
    assert gate.outcome == Outcome.FAILED
    assert gate.evidence == (
        f"commit {of_topic.git_commit[:12]} is not in the history of what is checked out"
    )
    assert gate.remedy.startswith("merge it; ")
    git(root, "merge", "--quiet", "topic")
    with program_of(root, of_topic, "dev", STACK_TEXT) as program:
        assert program.gate.outcome == Outcome.PASSED


def test_a_commit_with_another_program_fails(root: Path) -> None:
    old = release(root)
    other = commit(root, {"__main__.py": "raise SystemExit\n"})
    mixed = old.model_copy(update={"git_commit": other})
    with program_of(root, mixed, "dev", STACK_TEXT) as program:
        gate = program.gate
        assert (program.folder / "stacks" / "Pulumi.dev.yaml").read_text() != STACK_TEXT
    assert gate.outcome == Outcome.FAILED
    assert old.contents.program in gate.evidence
    assert program_digest(root) in gate.evidence
    assert "moe release create" in gate.remedy


def test_packages_that_cannot_be_had_could_not_be_checked(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "provide", lambda *_: "no index\nfirst detail\nsecond")
    with program_of(root, release(root), "dev", STACK_TEXT) as program:
        gate = program.gate
    assert gate.outcome == Outcome.COULD_NOT_CHECK
    assert (gate.evidence, list(gate.details)) == ("no index", ["first detail", "second"])
