"""`moe check --stack` on the real engine: what passes, what refuses, what changes."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from durable.places import PACKAGE_ROOT
from gate.report import Item, Outcome, Section, Step
from gate.stacks.check import Asked, check
from gate.stacks.engine import Engine
from policies.finding import Kind
from sandbox.checks import SandboxEngine
from sandbox.lifecycle import stop
from sandbox.paths import SandboxPaths
from sandbox.reporter import SilentReporter
from tests.engine.conftest import PROGRAM
from tests.engine.test_engines import ACROSS_NODES
from tests.engine.test_policies import SMUGGLED_TRANSFORM

POD_OF_AN_UNKNOWN_IMAGE = """
kubernetes.core.v1.Pod(
    "unknown-image",
    spec={"containers": [{"name": "main", "image": cluster.arn}]},
    opts=in_cluster(),
)
"""


@dataclass
class Tree:
    """A repository with the program as it is here committed, and the engine that checks it."""

    root: Path
    engine: Engine
    base: str = ""

    def check(self, stack: str, base: str | None = None) -> Section:
        return check(stack, Asked(self.root, self.engine, base))

    def commit(self, message: str) -> str:
        """All of the tree; its hash."""
        author = ("-c", "user.name=a", "-c", "user.email=a@b")
        _git(self.root, "add", "--all")
        _git(self.root, *author, "commit", "--quiet", "--message", message)
        return _git(self.root, "rev-parse", "HEAD").strip()

    def edit(self, stack: str, change: Callable[[Any], None]) -> None:
        path = self.root / "stacks" / f"Pulumi.{stack}.yaml"
        yaml = YAML()
        document = yaml.load(path)
        change(document["config"])
        yaml.dump(document, path)

    def smuggle(self) -> None:
        """An image by its tag, and one that is not known before the cluster is there."""
        path = self.root / "__main__.py"
        head, rest = path.read_text().split("settings = current.settings()", 1)
        change = 'container["image"] = "vllm/vllm-openai:latest"'
        transform = SMUGGLED_TRANSFORM.format(change=change)
        register = "pulumi.runtime.register_resource_transform(_smuggle)\n"
        settings = "settings = current.settings()"
        path.write_text(f"{head}{transform}{register}{settings}{rest}{POD_OF_AN_UNKNOWN_IMAGE}")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    root = tmp_path_factory.mktemp("tree")
    listed = _git(PACKAGE_ROOT, "ls-files", "--cached", "--others", "--exclude-standard", *PROGRAM)
    for name in listed.splitlines():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((PACKAGE_ROOT / name).read_bytes())
    _git(root, "init", "--quiet")
    paths = SandboxPaths(tmp_path_factory.mktemp("sandbox"))
    try:
        tree = Tree(root, SandboxEngine(paths, SilentReporter()))
        tree.base = tree.commit("The program as it is")
        yield tree
    finally:
        stop(purge=True, reporter=SilentReporter(), paths=paths)


@pytest.fixture
def tree(repository: Tree) -> Iterator[Tree]:
    yield repository
    _git(repository.root, "reset", "--quiet", "--hard", repository.base)


def test_a_bad_setting_is_told_with_its_line_and_starts_no_engine(tree: Tree) -> None:
    tree.edit("dev", lambda config: config["moe-serving:model_server"].update(memory_gib=64))
    section = check("dev", Asked(tree.root, _NoEngine()))
    assert section.outcome is Outcome.ERROR
    (item,) = section.items
    assert "64 is not allowed" in item.message
    assert item.place is not None
    text = (tree.root / item.place.file).read_text().splitlines()
    assert item.place.line is not None
    assert "memory_gib" in text[item.place.line - 1]


def test_what_is_smuggled_or_unknown_refuses_until_it_is_waived(tree: Tree) -> None:
    tree.smuggle()
    refused = tree.check("local")
    assert refused.outcome is Outcome.REFUSED, refused.steps
    said = {(item.rule, item.kind, item.resource) for item in refused.items if item.refuses}
    pinned = "kubernetes-container-image-pinned"
    assert (pinned, Kind.VIOLATION, "model-server") in said
    assert (pinned, Kind.COULD_NOT_CHECK, "unknown-image") in said
    assert _step(refused, "preview").outcome is Outcome.PASSED

    waivers = [_waiver(item) for item in refused.items if item.refuses]
    unused = {**waivers[0], "resource": "nothing-of-this-name"}
    tree.edit("local", lambda config: config.update({"moe-serving:waivers": [*waivers, unused]}))
    waived = tree.check("local")
    assert waived.outcome is Outcome.PASSED, waived.steps
    of_pinned = {item.resource: item for item in waived.items if item.rule == pinned}
    for resource in ("model-server", "unknown-image"):
        waiver = of_pinned[resource].waiver
        assert waiver is not None
        assert waiver.reason == "to be mended"
    assert [waiver.resource for waiver in waived.unused_waivers] == ["nothing-of-this-name"]


def test_local_passes_and_nothing_is_left_unchecked(tree: Tree) -> None:
    section = tree.check("local")
    assert section.outcome is Outcome.PASSED, section.steps
    assert not [item for item in section.items if item.kind == Kind.COULD_NOT_CHECK]


def test_dev_on_other_nodes_shows_what_is_replaced_and_what_it_costs(tree: Tree) -> None:
    tree.edit(
        "dev",
        lambda config: config["moe-serving:gpu_node_group"].update(instance_type="p4de.24xlarge"),
    )
    section = tree.check("dev", tree.base)
    # Nothing but the price stands against them.
    assert {item.rule for item in section.items if item.refuses} == {"aws-stack-within-budget"}
    assert section.outcome is Outcome.REFUSED, section.steps
    assert not [item for item in section.items if item.kind == Kind.COULD_NOT_CHECK]
    assert section.base == tree.base[:12]
    by_name = {(change.type, change.name): change for change in section.changes}
    nodes = by_name["aws:eks/nodeGroup:NodeGroup", "moe-dev-gpu"]
    assert nodes.operation == "replace"
    assert "instanceTypes" in nodes.replace_keys
    for cost in section.costs:
        if cost.at != "min_nodes":
            assert cost.before_usd_per_hour is not None
            assert cost.after_usd_per_hour is not None
            assert cost.after_usd_per_hour > cost.before_usd_per_hour


def test_what_is_protected_refuses_and_another_kind_of_engine_is_advice(tree: Tree) -> None:
    weights = "moe-serving:model_weights"
    tree.edit("dev", lambda config: config.update({weights: {"kind": "s3"}}))
    before = tree.commit("Weights in a bucket, which is protected")

    def change(config: Any) -> None:
        config[weights] = {"kind": "instance_store"}
        config["moe-serving:gpu_node_group"].update(desired_nodes=2)
        config["moe-serving:model_server"].update(ACROSS_NODES)

    tree.edit("dev", change)
    section = tree.check("dev", before)
    assert section.outcome is Outcome.REFUSED, section.steps
    assert "stops at what is protected" in _step(section, "preview").summary
    changes = _step(section, "changes")
    protected = {item.resource: item for item in changes.items if item.refuses}
    assert {item.rule for item in protected.values()} == {"protected-resource"}
    assert any(":s3/bucket:Bucket::" in item.urn for item in protected.values())
    (advice,) = (item for item in changes.items if not item.refuses)
    assert advice.rule == "engine-kind-changes"
    assert "LeaderWorkerSet takes the place of a Deployment" in advice.message


class _NoEngine:
    works_on_copies = True

    def session(self, stack: str) -> Any:
        raise AssertionError("no engine was to be started")


def _step(section: Section, name: str) -> Step:
    return next(step for step in section.steps if step.name == name)


def _waiver(item: Item) -> Mapping[str, object]:
    return {
        "policy": item.rule,
        "resource": item.resource,
        "reason": "to be mended",
        "owner": "team-serving",
        "expires": date.today() + timedelta(days=30),
    }


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments],  # noqa: S607
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
