"""What a move commits, and that all else of the checkout stays."""

from pathlib import Path

import pytest

from promotion.commit import commit_here, commit_on_branch, refuse_uncommitted
from promotion.errors import PromotionError
from tests.promotion.repositories import git, new_repository

FILES = {"stacks/Pulumi.dev.yaml": "config: 1\n", "other.txt": "one\n", "sub/third.txt": "x\n"}
MESSAGE = "Promotion of a release\n\n| gate | é |\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    new_repository(tmp_path / "repository", FILES)
    return tmp_path / "repository"


@pytest.fixture
def dirty(root: Path) -> Path:
    """Something is staged, something is not, and one file is both."""
    (root / "other.txt").write_text("staged\n")
    git(root, "add", "other.txt")
    (root / "other.txt").write_text("and not staged\n")
    (root / "sub" / "third.txt").write_text("not staged\n")
    (root / "new.txt").write_text("untracked\n")
    (root / "added.txt").write_text("added\n")
    git(root, "add", "added.txt")
    return root


def seen(root: Path) -> object:
    """The checkout, its index and what is where."""
    files = {
        path.relative_to(root): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }
    words = (("status", "--porcelain"), ("diff", "--cached"), ("ls-files", "--stage"))
    return files, [git(root, *each) for each in words]


class TestOnBranch:
    def contents(self, root: Path) -> dict[Path, str]:
        return {
            root / "stacks" / "Pulumi.dev.yaml": "config: 2 # é\r\n",
            root / "releases" / "record" / "dev" / "000001.json": "{}\n",
        }

    def test_the_branch_has_one_commit_with_just_the_files(self, root: Path) -> None:
        head = git(root, "rev-parse", "HEAD")
        commit = commit_on_branch(root, "promote/dev", self.contents(root), MESSAGE)
        assert git(root, "rev-parse", "promote/dev", "promote/dev^").split() == [commit, head]
        assert git(root, "diff", "--name-status", head, commit).splitlines() == [
            "A\treleases/record/dev/000001.json",
            "M\tstacks/Pulumi.dev.yaml",
        ]
        assert git(root, "log", "-1", "--format=%an <%ae>%n%B", commit).startswith(
            f"Ada <ada@example.com>\n{MESSAGE.strip()}"
        )
        stored = git(root, "cat-file", "-s", f"{commit}:stacks/Pulumi.dev.yaml")
        assert int(stored) == len("config: 2 # é\r\n".encode())

    def test_checkout_index_and_files_stay(self, dirty: Path) -> None:
        before = seen(dirty)
        commit = commit_on_branch(dirty, "promote/dev", self.contents(dirty), MESSAGE)
        assert seen(dirty) == before
        assert git(dirty, "branch", "--show-current") == "main"
        assert "added.txt" not in git(dirty, "ls-tree", "-r", "--name-only", commit)

    def test_a_branch_that_is_there_is_refused_and_stays(self, root: Path) -> None:
        first = commit_on_branch(root, "promote/dev", self.contents(root), MESSAGE)
        with pytest.raises(PromotionError, match="^--branch promote/dev: already exists; "):
            commit_on_branch(root, "promote/dev", self.contents(root), "again")
        assert git(root, "rev-parse", "promote/dev") == first

    def test_of_two_at_once_one_wins(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither saw the other's branch when it looked."""
        monkeypatch.setattr("promotion.commit._refuse", lambda *_: None)
        first = commit_on_branch(root, "promote/dev", self.contents(root), MESSAGE)
        with pytest.raises(PromotionError, match="already exists"):
            commit_on_branch(root, "promote/dev", self.contents(root), "again")
        assert git(root, "rev-parse", "promote/dev") == first

    def test_a_branch_below_another_is_refused(self, root: Path) -> None:
        commit_on_branch(root, "promote", self.contents(root), MESSAGE)
        with pytest.raises(PromotionError, match="promote"):
            commit_on_branch(root, "promote/dev", self.contents(root), MESSAGE)

    @pytest.mark.parametrize(
        "name", ["-x", "..", "a b", "", "a..b", "a.lock", "/a", "a/", "HEAD", "@{-1}", "a\nb", "--"]
    )
    def test_a_name_that_is_none_is_one_clear_error(self, root: Path, name: str) -> None:
        git(root, "checkout", "--quiet", "-b", "second")
        git(root, "checkout", "--quiet", "main")
        before = git(root, "for-each-ref")
        with pytest.raises(PromotionError, match="git allows no branch of this name") as refusal:
            commit_on_branch(root, name, self.contents(root), MESSAGE)
        assert str(refusal.value).startswith(f"--branch {name!r}: ")
        assert "\n" not in str(refusal.value)
        assert git(root, "for-each-ref") == before


class TestRefuseUncommitted:
    """A branch is made of HEAD: what it builds on must be there."""

    FOLDER = Path("sub")

    def test_what_head_has_is_let_be(self, root: Path) -> None:
        (root / "other.txt").write_text("elsewhere\n")
        refuse_uncommitted(root, self.FOLDER)
        refuse_uncommitted(root, Path("not") / "there")

    @pytest.mark.parametrize("name", ["third.txt", "new.txt", "new/deeper.txt"])
    @pytest.mark.parametrize("staged", [False, True])
    def test_what_only_this_checkout_has_is_named(
        self, root: Path, name: str, staged: bool
    ) -> None:
        (root / "sub" / name).parent.mkdir(exist_ok=True)
        (root / "sub" / name).write_text("changed\n")
        if staged:
            git(root, "add", "--all")
        with pytest.raises(PromotionError) as refusal:
            refuse_uncommitted(root, self.FOLDER)
        assert str(refusal.value).startswith("--branch: sub has what is not committed yet: ")
        assert name.partition("/")[0] in str(refusal.value)

    def test_what_was_removed_is_named(self, root: Path) -> None:
        (root / "sub" / "third.txt").unlink()
        with pytest.raises(PromotionError, match=r"D sub/third\.txt"):
            refuse_uncommitted(root, self.FOLDER)


class TestHere:
    def test_exactly_these_files_are_committed(self, dirty: Path) -> None:
        stack, new = dirty / "stacks" / "Pulumi.dev.yaml", dirty / "releases" / "1.json"
        stack.write_text("config: 2\n")
        new.parent.mkdir()
        new.write_text("{}\n")
        commit = commit_here(dirty, [stack, new], MESSAGE)
        assert commit == git(dirty, "rev-parse", "HEAD")
        assert git(dirty, "show", "--name-status", "--format=", "HEAD").splitlines() == [
            "A\treleases/1.json",
            "M\tstacks/Pulumi.dev.yaml",
        ]
        assert git(dirty, "log", "-1", "--format=%B") == MESSAGE.strip()

    def test_what_else_is_staged_stays_staged(self, dirty: Path) -> None:
        before = git(dirty, "status", "--porcelain"), git(dirty, "diff", "--cached")
        stack = dirty / "stacks" / "Pulumi.dev.yaml"
        stack.write_text("config: 2\n")
        commit_here(dirty, [stack], MESSAGE)
        assert (git(dirty, "status", "--porcelain"), git(dirty, "diff", "--cached")) == before

    def test_a_file_that_was_staged_otherwise_is_committed_as_it_is(self, root: Path) -> None:
        file = root / "other.txt"
        file.write_text("staged\n")
        git(root, "add", "other.txt")
        file.write_text("as it is\n")
        commit_here(root, [file], MESSAGE)
        assert git(root, "show", "HEAD:other.txt") == "as it is"

    def test_nothing_new_is_no_commit(self, dirty: Path) -> None:
        head = git(dirty, "rev-parse", "HEAD")
        assert commit_here(dirty, [dirty / "stacks" / "Pulumi.dev.yaml"], MESSAGE) is None
        assert git(dirty, "rev-parse", "HEAD") == head

    def test_a_hook_that_refuses_is_told(self, root: Path) -> None:
        hook = root / ".git" / "hooks" / "pre-commit"
        hook.write_text("#!/bin/sh\necho not so >&2\nexit 1\n")
        hook.chmod(0o755)
        (root / "other.txt").write_text("two\n")
        with pytest.raises(PromotionError, match="git commit failed: not so"):
            commit_here(root, [root / "other.txt"], MESSAGE)
