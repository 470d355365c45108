"""A release is made of a stack's file and of the commit that is checked out, by the real git."""

from pathlib import Path

import pytest

from promotion.create_release import create_release
from promotion.errors import PromotionError
from promotion.release_store import ReleaseStore
from stacks import reading
from stacks.reading import SettingsError
from stacks.released import moved_values
from tests.promotion.repositories import commit, git, new_repository

DEV = reading.stack_file("dev").read_text()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    new_repository(
        root,
        {
            "Pulumi.yaml": "name: moe-serving\n",
            "__main__.py": "pass\n",
            "policies/PulumiPolicy.yaml": "version: 1.4.0\n",
            "stacks/Pulumi.dev.yaml": DEV,
            ".gitignore": "ignored.py\n",
        },
    )
    return root


def test_it_is_of_the_file_and_of_the_commit(root: Path) -> None:
    release, is_new = create_release(root, "dev")
    assert is_new
    assert release.git_commit == git(root, "rev-parse", "HEAD")
    assert release.contents.settings == moved_values(reading.from_file("dev", root / "stacks"))
    assert list(ReleaseStore(root)) == [release]
    assert git(root, "status", "--porcelain", "--untracked-files=all") == (
        f"?? releases/{release.id}.json"
    )


def test_again_it_is_the_one_that_is_there_even_at_a_later_commit(root: Path) -> None:
    first, _ = create_release(root, "dev")
    commit(root, {"README.md": "no part of the program\n"})
    assert create_release(root, "dev") == (first, False)


def test_what_is_of_one_stack_makes_no_other_release(root: Path) -> None:
    first, _ = create_release(root, "dev")
    text = DEV.replace("max_nodes: 2", "max_nodes: 4").replace(
        "1234567890120.dkr", "999999999999.dkr"
    )
    commit(root, {"stacks/Pulumi.dev.yaml": text})
    assert create_release(root, "dev") == (first, False)


def test_another_value_or_another_program_makes_another(root: Path) -> None:
    first, _ = create_release(root, "dev")
    commit(root, {"stacks/Pulumi.dev.yaml": DEV.replace("v26.7.0", "v26.7.1")})
    second, is_new = create_release(root, "dev")
    assert is_new
    commit(root, {"__main__.py": "pass  # 2\n"})
    third, is_new = create_release(root, "dev")
    assert is_new
    assert len({first.id, second.id, third.id}) == 3


def test_values_of_a_stack_need_not_be_committed(root: Path) -> None:
    (root / "stacks" / "Pulumi.dev.yaml").write_text(DEV.replace("v26.7.0", "v26.7.1"))
    release, _ = create_release(root, "dev")
    assert release.contents.settings["charts.gpu_operator"] == "v26.7.1"


@pytest.mark.parametrize("name", ["__main__.py", "catalog/new.py", "catalog/ignored.py"])
def test_a_program_that_is_not_committed_is_refused_and_nothing_is_written(
    root: Path, name: str
) -> None:
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text("changed\n")
    with pytest.raises(PromotionError, match="commit what `git status` shows"):
        create_release(root, "dev")
    assert not (root / "releases").exists()


def test_settings_that_are_wrong_are_refused(root: Path) -> None:
    (root / "stacks" / "Pulumi.dev.yaml").write_text(DEV.replace("v26.7.0", "latest"))
    with pytest.raises(SettingsError, match="gpu_operator"):
        create_release(root, "dev")
    with pytest.raises(SettingsError, match="no such stack"):
        create_release(root, "devv")
