"""Promotions of a small program on the real engine: the journey, and what is refused for what."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from promotion.gate import Outcome
from promotion.record import Record, applied, open_entry
from sandbox.control_plane.kube_api import KubeApi
from sandbox.lifecycle import start, stop
from sandbox.paths import SandboxPaths
from sandbox.reporter import SilentReporter
from tests.engine.promotions import STACKS, Repository, new_repository

POD_BY_TAG = """
kubernetes.core.v1.Pod(
    "by-tag",
    metadata=metadata("by-tag"),
    spec={"containers": [{"name": "main", "image": "busybox:latest"}]},
    opts=in_namespace,
)
"""
OVERTAKING = """
import subprocess, sys
from promotion import steps
from cli.main import app
real = steps._up

def overtaken(*given):
    delete = ["pulumi", "state", "delete", "--yes", "--stack", "staging"]
    subprocess.run([*delete, sys.argv[1]], check=True)
    return real(*given)

steps._up = overtaken
app(sys.argv[2:], prog_name="moe")
"""
SECRET = "hunter2-of-local"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    paths = SandboxPaths(tmp_path_factory.mktemp("sandbox"))
    try:
        sandbox = start(SilentReporter(), paths)
        yield new_repository(tmp_path_factory.mktemp("tree"), sandbox)
    finally:
        stop(purge=True, reporter=SilentReporter(), paths=paths)


@pytest.fixture(scope="module")
def first(repository: Repository) -> str:
    """The release that every stack runs after it."""
    return repository.next_release(1)


@pytest.fixture(scope="module")
def said(repository: Repository) -> dict[str, Any]:
    """Judged when all is wrong that can be wrong at once."""
    program = repository.root / "__main__.py"
    text = program.read_text()
    program.write_text(
        text.replace(
            '"weights",\n    metadata=metadata("weights")',
            '"weights",\n    metadata=metadata("moved")',
        )
        .replace('"desiredSize": 1', '"desiredSize": 9')
        .replace('"maxSize": 1', '"maxSize": 9')
        .replace("pulumi.export", f"{POD_BY_TAG}\npulumi.export")
    )
    repository.commit("a program that nothing should let pass")
    bad = repository.pulumi("local", "up", "--yes", "--skip-preview")
    assert bad.returncode == 0, bad.stdout
    release = repository.moe_json("release", "create", "--stack", "local")["release"]["id"]
    for stack in ("local", "staging"):
        drift(repository, stack)
    repository.change("local", "promotion", prometheus_url="http://127.0.0.1:9")
    repository.change(
        "staging",
        "promotion",
        soak_hours=24,
        approvals=1,
        approvers=["bob@example.com"],
        max_cost_increase_usd_per_hour=0.01,
    )
    tamper(repository, "staging")
    said: dict[str, Any] = repository.moe_json(
        "promote", "local", "staging", "--release", release[:8]
    )
    return {gate["gate"]: gate for gate in said["gates"]}


class TestJourney:
    """In this order: each begins with what the one before has left."""

    def test_a_release_goes_through_four_stacks(self, repository: Repository, first: str) -> None:
        repository.secret("local", "team:token", SECRET)
        repository.secret("dev", "team:token", "of dev")
        repository.commit("secrets")
        before = repository.stack_file("dev").read_text()
        for source, target in pairwise(STACKS):
            said = repository.moe_json("promote", source, target, "--yes", "--commit")
            assert said["done"], said
            assert said["release"] == first
            assert all(each["outcome"] != Outcome.FAILED for each in said["gates"])
            assert repository.runs(target)["settings"]["charts.gpu_operator"] == "v26.7.1"
        after = repository.stack_file("dev").read_text()
        assert after == before.replace("gpu_operator: v26.7.0", "gpu_operator: v26.7.1")
        assert repository.git("status", "--short") == ""

    def test_secrets_stay_where_they_are(self, repository: Repository) -> None:
        encrypted = [
            line.strip()
            for line in repository.stack_file("local").read_text().splitlines()
            if "secure:" in line
        ]
        assert len(encrypted) == 1
        for path in (*repository.root.glob("releases/**/*"), repository.stack_file("dev")):
            if path.is_file():
                text = path.read_text()
                assert SECRET not in text
                assert encrypted[0] not in text
        assert "secure:" in repository.stack_file("dev").read_text()

    def test_again_there_is_nothing_to_do(self, repository: Repository) -> None:
        assert repository.moe("promote", "local", "dev", "--yes").returncode == 3

    def test_a_rollback_brings_back_what_ran_before(
        self, repository: Repository, first: str
    ) -> None:
        second = repository.next_release(2)
        assert repository.moe("promote", "local", "dev", "--yes", "--commit").returncode == 0
        assert applied(Record(repository.root, "dev"))[-1].release == second
        assert repository.moe("rollback", "dev", "--yes").returncode == 1, "no reason given"
        done = repository.moe("rollback", "dev", "--why", "slow", "--yes", "--commit")
        assert done.returncode == 0, done.stderr
        last = applied(Record(repository.root, "dev"))[-1]
        assert (last.kind, last.release) == ("rollback", first)
        assert repository.runs("dev")["settings"]["charts.gpu_operator"] == "v26.7.1"
        assert repository.git("status", "--short") == ""

    def test_the_record_is_intact_and_anchored(self, repository: Repository) -> None:
        said = repository.moe_json("history", "verify", "dev")
        assert not said["problems"]
        assert repository.moe("history", "verify").returncode == 0

    def test_a_branch_for_a_pull_request_and_up_after_the_merge(
        self, repository: Repository
    ) -> None:
        said = repository.moe_json("promote", "local", "dev", "--yes", "--branch", "promote/dev")
        assert said["error"] is None
        assert repository.git("status", "--short") == ""
        changed = repository.git("diff", "--name-only", "main", "promote/dev").splitlines()
        number = Record(repository.root, "dev").last.number + 1  # type: ignore[union-attr]
        assert changed == [f"releases/record/dev/{number:06}.json", "stacks/Pulumi.dev.yaml"]
        assert "| soak |" in repository.git("log", "-1", "--format=%B", "promote/dev")
        assert repository.moe("up", "dev").returncode == 3
        again = repository.moe("promote", "local", "dev", "--yes", "--branch", "promote/dev")
        assert again.returncode == 1, "the branch is there"
        repository.git("merge", "--quiet", "promote/dev")
        applied_now = repository.moe("up", "dev")
        assert applied_now.returncode == 0, applied_now.stderr
        assert repository.runs("dev")["settings"]["charts.gpu_operator"] == "v26.7.2"
        repository.commit("applied")


class TestPlan:
    def test_a_plan_that_no_longer_matches_is_refused(self, repository: Repository) -> None:
        begun = repository.moe("promote", "dev", "staging", "--yes", "--no-up")
        assert begun.returncode == 0, begun.stderr
        file = repository.stack_file("staging")
        gated = file.read_text()
        file.write_text(f"{gated}# changed since\n")
        assert repository.moe("up", "staging").returncode == 2
        file.write_text(gated)
        gone = repository.pulumi("staging", "state", "delete", "--yes", urn(repository, "engine"))
        assert gone.returncode == 0, gone.stderr
        refused = repository.moe("up", "staging")
        assert refused.returncode == 2
        assert "no longer matches" in refused.stderr
        assert open_entry(Record(repository.root, "staging")) is not None

    def test_the_engine_refuses_what_exceeds_the_plan(self, repository: Repository) -> None:
        """Judged again with what is so now; then the world changes before `up`."""
        said = subprocess.run(
            [
                *(sys.executable, "-c", OVERTAKING, urn(repository, "weights")),
                *("promote", "dev", "staging", "--yes"),
            ],
            cwd=repository.root,
            env=repository.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert said.returncode == 2, said.stdout + said.stderr
        last = Record(repository.root, "staging").last
        assert last is not None
        assert last.stage == "failed"
        assert "plan" in last.why
        assert repository.moe("promote", "dev", "staging", "--yes", "--commit").returncode == 0


class TestTwoAtOnce:
    def test_one_wins_and_the_other_is_told(self, repository: Repository) -> None:
        repository.next_release(3)
        both = [started(repository, repository.root) for _ in range(2)]
        ended = [process.communicate() for process in both]
        assert sorted(process.returncode for process in both) == [0, 2], ended
        loser = next(i for i, process in enumerate(both) if process.returncode)
        assert "is at work here" in json.loads(ended[loser][0])["error"]
        repository.commit("promoted")

    def test_two_clones_one_wins(self, repository: Repository, tmp_path: Path) -> None:
        """Neither knows of the other's record: the backend tells the second."""
        repository.next_release(4)
        clone = tmp_path / "clone"
        repository.git("clone", "--quiet", str(repository.root), str(clone))
        for key, value in (("user.name", "Grace"), ("user.email", "grace@example.com")):
            subprocess.run(["git", "config", key, value], cwd=clone, check=True)  # noqa: S607
        both = [started(repository, root) for root in (repository.root, clone)]
        ended = [process.communicate() for process in both]
        won = [process.returncode == 0 for process in both]
        assert sum(won) == 1, ended
        told = json.loads(ended[won.index(False)][0])["error"]
        assert "somebody else has changed" in told or "locked" in told or "plan" in told, told
        if won[1]:
            take_record_of(clone, repository.root)
        assert repository.moe("history", "verify", "dev").returncode == 0
        repository.commit("promoted")


class TestGates:
    """One dry run in which nearly everything is wrong: each gate says what."""

    @pytest.mark.parametrize(
        ("gate", "outcome", "words"),
        [
            ("program", "pass", "commit"),
            ("committed", "fail", "stacks/Pulumi.staging.yaml"),
            ("record", "fail", "wrong with the record"),
            ("order", "fail", "dev"),
            ("source", "pass", "runs"),
            ("soak", "fail", "24 h are demanded"),
            ("source drift", "fail", "1 of"),
            ("target drift", "fail", "1 of"),
            ("alerts quiet", "could not check", "the state of local has no alert"),
            ("approvals", "could not check", "allowed_signers"),
            ("settings", "pass", ""),
            ("preview", "pass", ""),
            ("policies", "fail", "refusing"),
            ("alert rules", "pass", ""),
            ("alert tests", "pass", "scenes"),
            ("protected", "fail", "would replace or delete"),
            ("cost", "fail", "0.01 is allowed"),
        ],
    )
    def test_each_says_what_it_saw(
        self, said: dict[str, Any], gate: str, outcome: str, words: str
    ) -> None:
        assert said[gate]["outcome"] == outcome, said[gate]
        assert words in said[gate]["evidence"]
        assert bool(said[gate]["remedy"]) == (outcome != "pass")

    def test_details_name_what_it_is(self, said: dict[str, Any]) -> None:
        assert "by-tag" in " ".join(said["policies"]["details"])
        assert "weights" in " ".join(said["protected"]["details"])
        assert "released" in " ".join(said["target drift"]["details"])

    def test_a_release_that_the_source_does_not_run_and_a_target_that_cannot_take_it(
        self, repository: Repository, first: str
    ) -> None:
        repository.change(
            "dev",
            "cluster",
            kubernetes_version="1.34",
            system_ami_release_version="1.34.9-20261015",
        )
        repository.change("dev", "gpu_node_group", ami_release_version="1.34.9-20261015")
        said = repository.moe_json("promote", "local", "dev", "--release", first)
        by_gate = {gate["gate"]: gate for gate in said["gates"]}
        assert by_gate, said
        assert by_gate["source"]["outcome"] == "fail"
        assert by_gate["settings"]["outcome"] == "fail"
        assert "1.34" in " ".join(by_gate["settings"]["details"])
        assert by_gate["preview"]["outcome"] == "could not check"
        assert by_gate["policies"]["outcome"] == "could not check"

    def test_a_tampered_record_is_found_by_history_too(self, repository: Repository) -> None:
        assert repository.moe("history", "verify", "staging").returncode == 2


def started(repository: Repository, root: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "cli", "promote", "local", "dev", "--yes", "--json"],
        cwd=root,
        env={**repository.environment, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def take_record_of(winner: Path, loser: Path) -> None:
    """What who lost does: the own entry goes, and that of the winner is pulled."""
    shutil.rmtree(loser / "releases")
    shutil.copytree(winner / "releases", loser / "releases")
    file = Path("stacks") / "Pulumi.dev.yaml"
    shutil.copy(winner / file, loser / file)


def urn(repository: Repository, name: str, stack: str = "staging") -> str:
    exported = json.loads(repository.pulumi(stack, "stack", "export").stdout)
    resources = exported["deployment"]["resources"]
    return str(next(each["urn"] for each in resources if each["urn"].endswith(f"::{name}")))


def drift(repository: Repository, stack: str) -> None:
    """What somebody does by hand."""
    kube = KubeApi(repository.sandbox.paths.admin_kubeconfig)
    path = f"/api/v1/namespaces/small-{stack}/configmaps/released"
    found = kube.request("GET", path)
    found["data"]["charts.gpu_operator"] = "by hand"
    kube.request("PUT", path, found)


def tamper(repository: Repository, stack: str) -> None:
    file = Record(repository.root, stack).files()[0]
    file.write_text(file.read_text().replace("Ada Author", "Eve Author"))
