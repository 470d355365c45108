"""What a check makes of what the engine says; the engine itself: tests/engine/test_check.py."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from durable.places import PACKAGE_ROOT
from gate.report import Outcome, Section, Step
from gate.stacks.check import Asked, check
from gate.stacks.engine import Run, Session
from stacks.settings import Settings
from tests.gate.stacks.recorded import JUDGED, REFUSED_AT_THE_END, diagnostic, policy, step, urn

PINNED = "kubernetes-container-image-pinned"
REFUSAL = policy(PINNED, urn("kubernetes:apps/v1:Deployment", "server"), "found a tag")
VPC = "aws:ec2/vpc:Vpc"
CAME_UP = Run(0, (), "")


@dataclass
class Recorded:
    """An engine that answers with what was recorded, and notes what it was given to run."""

    preview_run: Run
    up_run: Run = CAME_UP
    works_on_copies: bool = True
    stack_files: list[str] = field(default_factory=list)

    @contextmanager
    def session(self, stack: str) -> Iterator[Session]:
        yield self

    def up(self, program: Path, settings: Settings) -> Run:
        self._note(program)
        return self.up_run

    def preview(self, program: Path, settings: Settings, policy_config: Path | None) -> Run:
        self._note(program)
        return self.preview_run

    def _note(self, program: Path) -> None:
        self.stack_files.append((program / "stacks" / "Pulumi.dev.yaml").read_text())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with the stack's file of `dev` committed."""
    (tmp_path / "stacks").mkdir()
    shutil.copy(PACKAGE_ROOT / "stacks" / "Pulumi.dev.yaml", tmp_path / "stacks")
    author = ("-c", "user.name=a", "-c", "user.email=a@b")
    for command in (("init", "-q"), ("add", "-A"), (*author, "commit", "-qm", "as it is")):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)  # noqa: S607
    return tmp_path


def run_of(root: Path, run: Run, base: str | None = None, **engine: Any) -> Section:
    return check("dev", Asked(root, Recorded(run, **engine), base))


def step_of(section: Section, name: str) -> Step:
    return next(step for step in section.steps if step.name == name)


def ended(exit_code: int, *events: Any, output: str = "") -> Run:
    return Run(exit_code, events, output)


def test_a_clean_preview_passes(root: Path) -> None:
    section = run_of(root, ended(0, JUDGED))
    assert section.outcome is Outcome.PASSED
    assert step_of(section, "base").outcome is Outcome.SKIPPED
    # With no rules there is nothing that promtool would read.
    assert step_of(section, "promtool").outcome is Outcome.PASSED


def test_rules_that_no_promtool_has_read_are_skipped(root: Path) -> None:
    new: dict[str, Any] = {"inputs": {"spec": {"groups": []}}}
    rules = step("create", "kubernetes:monitoring.coreos.com/v1:PrometheusRule", "r", new=new)
    skipped = step_of(run_of(root, ended(0, rules, JUDGED)), "promtool")
    assert skipped.outcome is Outcome.SKIPPED
    assert "--promtool" in skipped.summary


def test_a_refusal_of_the_engine_is_no_error(root: Path) -> None:
    section = run_of(root, ended(1, REFUSAL, JUDGED, REFUSED_AT_THE_END))
    assert section.outcome is Outcome.REFUSED
    assert step_of(section, "preview").outcome is Outcome.PASSED
    assert step_of(section, "policies").outcome is Outcome.REFUSED


def test_what_could_not_be_checked_refuses_though_the_engine_passes(root: Path) -> None:
    at = urn("kubernetes:apps/v1:Deployment", "server")
    unknown = policy(PINNED, at, "could not check: the image", "advisory")
    assert run_of(root, ended(0, unknown, JUDGED)).outcome is Outcome.REFUSED


@pytest.mark.parametrize(
    ("run", "says"),
    [
        pytest.param(ended(-9, output="a\npanic: no memory\n"), "panic: no memory", id="crash"),
        pytest.param(ended(255, diagnostic("no credentials")), "no credentials", id="error"),
        pytest.param(
            ended(1, REFUSAL, diagnostic("the pack crashed"), REFUSED_AT_THE_END),
            "the pack crashed",
            id="error-beside-a-refusal",
        ),
        pytest.param(ended(0), "has not run the policy pack", id="no-pack"),
        pytest.param(ended(1, REFUSAL), "has not run the policy pack", id="pack-not-to-its-end"),
    ],
)
def test_a_preview_that_did_not_end_is_an_error(root: Path, run: Run, says: str) -> None:
    section = run_of(root, run)
    assert section.outcome is Outcome.ERROR
    assert says in step_of(section, "preview").summary


@pytest.mark.parametrize("operation", ["replace", "delete"])
def test_replacing_what_is_protected_refuses(root: Path, operation: str) -> None:
    change = step(operation, VPC, "net", old={"protect": True}, keys=["cidrBlock"])
    section = run_of(root, ended(0, change, JUDGED), base="HEAD")
    (item,) = step_of(section, "changes").items
    assert item.rule == "protected-resource"
    assert "cidrBlock" in item.message
    assert section.outcome is Outcome.REFUSED


def test_the_engine_that_stops_at_what_is_protected_is_a_refusal(root: Path) -> None:
    change = step("delete", VPC, "net", old={"protect": True})
    stopped = diagnostic("cannot be deleted because it is protected", at=urn(VPC, "net"))
    section = run_of(root, ended(1, change, stopped, REFUSED_AT_THE_END), base="HEAD")
    assert section.outcome is Outcome.REFUSED
    assert step_of(section, "changes").items[0].resource == "net"
    other = diagnostic("no credentials", at=urn(VPC, "other"))
    section = run_of(root, ended(1, change, stopped, other), base="HEAD")
    assert section.outcome is Outcome.ERROR


def test_updating_what_is_protected_passes(root: Path) -> None:
    change = step("update", VPC, "net", old={"protect": True}, new={"protect": True})
    assert run_of(root, ended(0, change, JUDGED), base="HEAD").outcome is Outcome.PASSED


def test_a_base_that_does_not_come_up_is_skipped_with_its_reason(root: Path) -> None:
    failed = ended(1, diagnostic("no such subnet"))
    section = run_of(root, ended(0, JUDGED), base="HEAD", up_run=failed)
    base = step_of(section, "base")
    assert base.outcome is Outcome.SKIPPED
    assert "no such subnet" in base.summary
    assert section.base == ""
    assert section.outcome is Outcome.PASSED


def test_a_stack_that_the_base_lacks_is_new(root: Path) -> None:
    subprocess.run(["git", "mv", "stacks", "elsewhere"], cwd=root, check=True)  # noqa: S607
    author = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", *author, "commit", "-qm", "moved"], cwd=root, check=True)  # noqa: S607
    (root / "elsewhere").rename(root / "stacks")
    section = run_of(root, ended(0, JUDGED), base="HEAD")
    assert "has no stack dev" in step_of(section, "base").summary


def test_neither_the_tree_nor_an_engine_sees_an_encryption_key(root: Path) -> None:
    file = root / "stacks" / "Pulumi.dev.yaml"
    text = (
        "secretsprovider: awskms://alias/pulumi\nencryptedkey: c2VjcmV0LWtleQ==\n"
        + file.read_text()
        + "  other:token:\n    secure: Y2lwaGVy\n"
    )
    file.write_text(text)
    engine = Recorded(ended(0, JUDGED))
    check("dev", Asked(root, engine))
    assert file.read_text() == text
    (given,) = engine.stack_files
    for hidden in ("awskms", "c2VjcmV0LWtleQ", "Y2lwaGVy"):
        assert hidden not in given
    assert "moe-serving:model_server" in given


def test_the_own_state_of_a_stack_is_what_a_live_check_compares_with(root: Path) -> None:
    change = step("update", VPC, "net", diffs=["tags"])
    section = run_of(root, ended(0, change, JUDGED), works_on_copies=False)
    assert [each.operation for each in section.changes] == ["update"]
    assert section.base == "the stack's own state"
