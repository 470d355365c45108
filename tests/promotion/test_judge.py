"""Judging a move: which gates are asked, in which order, and that nothing is changed.

Pulumi is played here; tests/engine has the real one.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gate.stacks.engine import Run
from promotion.approvals import subject
from promotion.author import Author
from promotion.create_release import create_release
from promotion.gate import GateResult, Outcome, passed
from promotion.gates import alerts_quiet
from promotion.judge import Repository, judged
from promotion.proposal import Move, Proposal
from promotion.pulumi_stack import PulumiStack, State, Update
from promotion.record import Kind, Record
from promotion.release import Release
from promotion.stack_file import text_in
from stacks import reading
from tests.promotion.people import Team, new_key
from tests.promotion.repositories import commit, git, new_repository

OF_SIDES = [
    *("committed", "record", "order", "source", "soak", "source drift", "target drift"),
    *("alerts quiet", "approvals"),
]
OF_PREVIEW = ["settings", "preview", "policies", "alert rules", "alert tests", "protected", "cost"]
BY = Author("Ada", "ada@example.com")
STARTED = datetime.now(UTC) - timedelta(hours=30)
NEW_CHART = "v26.7.1"
STACK = "pulumi:pulumi:Stack"
URN = "urn:pulumi:dev::moe-serving::pulumi:pulumi:Stack::moe-serving-dev"


def stack_text(stack: str) -> str:
    return reading.stack_file(stack).read_text()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    new_repository(
        root,
        {
            "__main__.py": "pass\n",
            "policies/PulumiPolicy.yaml": "version: 1.4.0\n",
            "stacks/Pulumi.dev.yaml": stack_text("dev").replace("v26.7.0", NEW_CHART),
            "stacks/Pulumi.staging.yaml": stack_text("staging"),
        },
    )
    return root


@pytest.fixture
def release(root: Path) -> Release:
    return create_release(root, "dev")[0]


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch, release: Release) -> list[tuple[str, ...]]:
    """Dev runs the release since 30 hours, staging another one; every run of the engine fails."""
    words: list[tuple[str, ...]] = []
    contents = release.contents.model_dump()
    other = {**contents, "program": f"sha256:{'0' * 64}"}

    def state(stack: PulumiStack) -> State:
        said = contents if stack.name == "dev" else other
        bucket = {"type": "aws:s3/bucket:Bucket", "urn": f"{URN}::bucket", "custom": True}
        return State([{"type": STACK, "urn": URN, "outputs": {"release": said}}, bucket])

    def updates(stack: PulumiStack) -> Sequence[Update]:
        return [Update(1, "update", "succeeded", STARTED, STARTED, "", {"create": 1})]

    def run(stack: PulumiStack, *arguments: str) -> Run:
        words.append((stack.name, *arguments))
        return Run(255, [], "error: no engine here")

    monkeypatch.setattr(PulumiStack, "state", state)
    monkeypatch.setattr(PulumiStack, "updates", updates)
    monkeypatch.setattr(PulumiStack, "run", run)
    return words


def files(root: Path) -> dict[Path, bytes]:
    """All of the checkout."""
    found = (path for path in root.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {path: path.read_bytes() for path in found}


def judge(root: Path, release: Release, **said: Any) -> Proposal:
    """Of a promotion from dev by Ada, unless `said` says otherwise."""
    before = files(root)
    move = replace(Move("promotion", "dev", "staging", release, BY), **said)
    with judged(move, Repository(root, None)) as found:
        assert found.program.folder.exists()
    assert not found.program.folder.exists()
    assert files(root) == before
    return found.proposal


def test_every_gate_is_asked_once_in_its_order(root: Path, release: Release) -> None:
    proposal = judge(root, release)
    assert [gate.gate for gate in proposal.gates] == ["program", *OF_SIDES, *OF_PREVIEW]
    by_name = {gate.gate: gate.outcome for gate in proposal.gates}
    for gate in ("program", "record", "order", "soak", "settings"):
        assert by_name[gate] == Outcome.PASSED, proposal.gates
    for gate in ("source drift", "target drift", "protected", "cost"):
        assert by_name[gate] == Outcome.COULD_NOT_CHECK, gate
    (source,) = (gate for gate in proposal.gates if gate.gate == "source")
    assert all("no resource shows one" in line for line in source.details), "and it says so"
    assert proposal.plan is None


def test_a_rollback_is_asked_for_no_source(root: Path, release: Release) -> None:
    proposal = judge(root, release, kind="rollback", source=None)
    assert sorted(gate.gate for gate in proposal.gates) == sorted(
        ["program", *OF_SIDES, *OF_PREVIEW]
    )
    not_asked = [each.gate for each in proposal.gates if each.outcome == Outcome.NOT_DEMANDED]
    assert not_asked == [*OF_SIDES[3:], "alert tests"]
    assert outcome_of("order", proposal) == Outcome.FAILED, "it never ran there"


def approvals_of(root: Path, release: Release, begun_by: str) -> GateResult:
    proposal = judge(root, release, by=Author("Eve", "eve@example.com"), begun_by=begun_by)
    (gate,) = (each for each in proposal.gates if each.gate == "approvals")
    return gate


def test_who_began_it_may_not_approve_what_somebody_else_ends(
    root: Path, release: Release, tmp_path: Path
) -> None:
    """Ada wrote the release, Bob has begun to move it, Eve ends it."""
    bob = "bob@example.com"
    keys = {bob: new_key(tmp_path / "bob")}
    team = Team(root, keys)
    team.allow(team.line(bob))
    file = root / "stacks" / "Pulumi.staging.yaml"
    file.write_text(f"{file.read_text()}    approvals: 1\n    approvers: [{bob}]\n")
    commit(root, {})
    wanted = subject(release.id, "dev", Record(root, "staging"))
    team.sign(wanted, bob)
    gate = approvals_of(root, release, begun_by="")
    assert gate.outcome == Outcome.PASSED, gate
    gate = approvals_of(root, release, begun_by=f"Bob <{bob}>")
    assert gate.outcome == Outcome.FAILED
    assert gate.evidence.startswith("0 of 1 signed")


@pytest.mark.parametrize(
    ("stack", "kind", "outcome"),
    [
        ("dev", "promotion", Outcome.FAILED),
        ("staging", "promotion", Outcome.FAILED),
        ("staging", "rollback", Outcome.FAILED),
        ("dev", "rollback", Outcome.PASSED),
    ],
)
def test_both_records_count_and_of_a_rollback_the_target_s(
    root: Path, release: Release, stack: str, kind: Kind, outcome: Outcome
) -> None:
    stranger = Record(root, stack).file(1).with_name("stranger.txt")
    stranger.parent.mkdir(parents=True)
    stranger.write_text("x")
    source = "dev" if kind == "promotion" else None
    assert outcome_of("record", judge(root, release, kind=kind, source=source)) == outcome


def test_an_edit_that_is_not_committed_is_seen(root: Path, release: Release) -> None:
    file = root / "stacks" / "Pulumi.staging.yaml"
    file.write_text(file.read_text().replace("soak_hours:", "soak_hours:  "))
    assert outcome_of("committed", judge(root, release)) == Outcome.PASSED, "a matter of layout"
    file.write_text(f"{file.read_text()}    approvals: 0\n")
    assert outcome_of("committed", judge(root, release)) == Outcome.FAILED


def test_a_source_of_another_version_is_not_checked(
    root: Path, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"model": "x", "of a later version": 1}
    state = State([{"type": STACK, "urn": URN, "outputs": {"release": said}}])
    monkeypatch.setattr(PulumiStack, "state", lambda stack: state)
    proposal = judge(root, release)
    assert outcome_of("source", proposal) == Outcome.COULD_NOT_CHECK
    assert proposal.replaces is None
    assert not proposal.is_done


def outcome_of(name: str, proposal: Proposal) -> Outcome:
    (gate,) = (each for each in proposal.gates if each.gate == name)
    return gate.outcome


def test_a_program_that_is_not_here_is_never_previewed(
    root: Path, release: Release, asked: list[tuple[str, ...]]
) -> None:
    gone = release.model_copy(update={"git_commit": "f" * 40})
    proposal = judge(root, gone)
    by_name = {gate.gate: gate.outcome for gate in proposal.gates}
    assert by_name["program"] == Outcome.FAILED
    assert {by_name[gate] for gate in OF_PREVIEW} == {Outcome.COULD_NOT_CHECK}
    assert "preview" not in [word for _, word, *_ in asked]


def test_what_changes_and_what_runs_are_told(root: Path, release: Release) -> None:
    proposal = judge(root, release)
    assert [(each.key, each.before, each.after) for each in proposal.changes] == [
        ("charts.gpu_operator", "v26.7.0", NEW_CHART)
    ]
    assert [each.key for each in proposal.differs] == ["program"]
    before = text_in(root / "stacks" / "Pulumi.staging.yaml")
    assert proposal.file_after == before.replace("v26.7.0", NEW_CHART)
    assert (proposal.newest_update, proposal.replaces) == ((1, 1), None)
    assert not proposal.is_done


def test_the_line_ends_of_the_file_stay(root: Path, release: Release) -> None:
    file = root / "stacks" / "Pulumi.staging.yaml"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    text = text_in(file)
    assert judge(root, release).file_after == text.replace("v26.7.0", NEW_CHART)


def test_a_waiver_of_the_target_counts(root: Path, release: Release) -> None:
    file = root / "stacks" / "Pulumi.staging.yaml"
    file.write_text(
        f"{file.read_text()}    waivers:\n"
        "      - {gate: target drift, reason: known, owner: ada, expires: 2999-01-01}\n"
    )
    by_name = {gate.gate: gate for gate in judge(root, release).gates}
    assert by_name["target drift"].outcome == Outcome.WAIVED
    assert by_name["source drift"].outcome == Outcome.COULD_NOT_CHECK


def test_alerts_of_what_the_source_runs_are_asked_for_in_the_soak_of_the_target(
    root: Path, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev, staging = (reading.stack_file(stack, root / "stacks") for stack in ("dev", "staging"))
    url = "http://127.0.0.1:9"
    dev.write_text(f"{dev.read_text()}  moe-serving:promotion:\n    prometheus_url: {url}\n")
    staging.write_text(staging.read_text().replace("soak_hours: 1\n", "soak_hours: 7\n"))
    evidence = next(g for g in judge(root, release).gates if g.gate == "alerts quiet").evidence
    assert evidence.startswith("the state of dev has no alert")

    given: list[Any] = []

    def played(*said: Any) -> GateResult:
        given.extend(said)
        return passed(alerts_quiet.GATE, "played")

    monkeypatch.setattr(alerts_quiet, "judge", played)
    judge(root, release)
    stack, asked, resources, window, _ = given
    assert (stack, asked) == ("dev", url)
    assert {each["urn"] for each in resources} == {URN, f"{URN}::bucket"}
    assert (window.since, window.hours) == (STARTED, 7)


def test_the_program_is_that_of_the_release_wherever_the_checkout_is(
    root: Path, release: Release
) -> None:
    commit(root, {"__main__.py": "raise SystemExit\n"})
    assert git(root, "rev-parse", "HEAD") != release.git_commit
    assert judge(root, release).gates[0].outcome == Outcome.PASSED
