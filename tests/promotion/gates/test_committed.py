"""What decides is what HEAD has; what a release moves may differ. By the real git."""

from pathlib import Path

import pytest

from promotion.gate import Outcome
from promotion.gates.committed import judge
from promotion.places import ALLOWED_SIGNERS
from promotion.stack_file import changes, text_in, with_changes
from stacks import reading
from stacks.released import MOVED_KEYS
from tests.promotion.releases import release
from tests.promotion.repositories import commit, git, new_repository

DEV = "stacks/Pulumi.dev.yaml"
STAGING = "stacks/Pulumi.staging.yaml"
SIGNERS = str(ALLOWED_SIGNERS)
ANN = "ann@example.com ssh-ed25519 AAAA\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    files = {f"stacks/Pulumi.{name}.yaml": text_of(name) for name in ("dev", "staging")}
    new_repository(root, {**files, SIGNERS: ANN, "other.txt": "1"})
    return root


def text_of(stack: str) -> str:
    return reading.stack_file(stack).read_text()


def differing(root: Path, source: str | None = "dev") -> list[str]:
    """Files that the gate names; it passes where there are none."""
    result = judge(root, source, "staging")
    if result.outcome == Outcome.PASSED:
        return []
    assert result.outcome == Outcome.FAILED
    assert "commit it" in result.remedy
    return result.evidence.removeprefix("not as HEAD has it: ").split(", ")


def edit(root: Path, file: str, old: str, new: str) -> None:
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new))


def test_as_committed_it_passes(root: Path) -> None:
    (root / "other.txt").write_text("2")
    (root / "new.txt").write_text("untracked")
    assert differing(root) == []


@pytest.mark.parametrize("file", [DEV, STAGING])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("max_nodes: ", "max_nodes: 1"),
        ("config:\n", "config:\n  moe-serving:something: {a: 1}\n"),
        ("config:\n", "config:\n  kubernetes:kubeconfig: other\n"),
        (".dkr.ecr.", ".dkr.example."),
        ("config:\n", "environment: [of-somebody]\nconfig:\n"),
        ("config:\n", "secretsprovider: awskms://alias/of-somebody\nconfig:\n"),
    ],
)
def test_an_edit_of_either_stack_fails_by_its_file(
    root: Path, file: str, old: str, new: str
) -> None:
    edit(root, file, old, new)
    assert differing(root) == [file]
    git(root, "add", "--all")
    assert differing(root) == [file], "what is staged nobody has reviewed either"
    commit(root, {})
    assert differing(root) == []


@pytest.mark.parametrize(
    "lines",
    [
        "    approvals: 1\n",
        "    approvers: [eve@example.com]\n",
        "    waivers:\n      - {gate: soak, reason: x, owner: eve, expires: 2999-01-01}\n",
        "    max_cost_increase_usd_per_hour: 1000.0\n",
    ],
)
def test_no_demand_changes_unseen(root: Path, lines: str) -> None:
    edit(root, STAGING, "    source: dev\n", f"    source: dev\n{lines}")
    assert differing(root) == [STAGING]


def test_a_demand_that_is_taken_away_is_seen(root: Path) -> None:
    edit(root, STAGING, "    soak_hours: 1\n", "")
    assert differing(root) == [STAGING]


@pytest.mark.parametrize("text", ["", f"{ANN}eve@example.com ssh-ed25519 BBBB\n", None])
def test_an_edit_of_the_keys_fails(root: Path, text: str | None) -> None:
    (root / SIGNERS).unlink() if text is None else (root / SIGNERS).write_text(text)
    assert differing(root) == [SIGNERS]


def test_keys_that_head_lacks_fail_and_none_at_all_pass(root: Path) -> None:
    git(root, "rm", "--quiet", SIGNERS)
    commit(root, {})
    assert differing(root) == []
    (root / SIGNERS).parent.mkdir(exist_ok=True)
    (root / SIGNERS).write_text(ANN)
    assert differing(root) == [SIGNERS]


def test_what_a_release_moves_may_differ(root: Path) -> None:
    """So it is between the file that is written and its commit."""
    file = root / STAGING
    settings = reading.from_file("staging", root / "stacks")
    served = {"model": settings.model_server.model}
    contents = release(1).contents.model_copy(update=served)
    moved = changes(release(1).model_copy(update={"contents": contents}), settings)
    assert {each.key for each in moved} == set(MOVED_KEYS)
    file.write_bytes(with_changes(text_in(file), moved, file).encode())
    assert file.read_text() != text_of("staging")
    assert differing(root) == []


def test_the_repository_of_an_image_is_no_part_of_a_release(root: Path) -> None:
    image = reading.from_file("staging").model_server.image
    name, _, digest = image.partition("@")
    edit(root, STAGING, image, f"{name}@sha256:{'0' * 64}")
    assert differing(root) == []
    edit(root, STAGING, name, f"{name}-of-eve")
    assert digest
    assert differing(root) == [STAGING]


def test_a_salt_is_no_setting_and_layout_is_none(root: Path) -> None:
    """Pulumi itself writes a salt where there is none."""
    for file in (DEV, STAGING):
        text = (root / file).read_text()
        (root / file).write_text(f"encryptionsalt: v1:abc\n# a comment\n\n{text}")
    assert differing(root) == []


def test_a_stack_file_that_head_lacks_fails(root: Path) -> None:
    git(root, "rm", "--quiet", "--cached", DEV)
    git(root, "commit", "--quiet", "--message", "without dev")
    assert differing(root) == [DEV]
    assert differing(root, source=None) == []


def test_all_are_named_and_a_rollback_looks_at_the_target_alone(root: Path) -> None:
    for file in (DEV, STAGING):
        edit(root, file, "config:\n", "config:\n  a:b: 1\n")
    (root / SIGNERS).write_text("")
    assert differing(root) == [SIGNERS, DEV, STAGING]
    assert differing(root, source=None) == [SIGNERS, STAGING]


@pytest.mark.parametrize("text", ["", "[]\n", "config: 1\n", "config: {\n", "a: 1\na: 2\n"])
def test_a_file_that_cannot_be_read_as_one_fails(root: Path, text: str) -> None:
    (root / DEV).write_text(text)
    assert differing(root) == [DEV]
