"""What a change of the settings does to what runs: in place, or a replacement, pinned.

A wrong answer here costs a day of 8-GPU nodes, or the cluster.
"""

import json
from collections.abc import Callable

import pytest

from tests.engine.conftest import Project

NODE_GROUP = "aws:eks/nodeGroup:NodeGroup moe-local-gpu"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate moe-local-gpu"
PLACEMENT_GROUP = "aws:ec2/placementGroup:PlacementGroup moe-local-gpu"
OPERATOR = "kubernetes:helm.sh/v3:Release gpu-operator"
EFA_PLUGIN = "kubernetes:helm.sh/v3:Release gpu-operator-efa"
ENGINE = "kubernetes:apps/v1:Deployment model-server"

NEVER_TOUCHED = {"aws:eks/cluster:Cluster", "aws:kms/key:Key", "aws:s3/bucket:Bucket"}
RESERVATION = "cr-0123456789abcdef0"


def changes(project: Project) -> dict[str, str]:
    """Operation by "<type> <name>", of all that a preview would not leave as it is."""
    result = project.preview("--json", policies=False)
    assert result.returncode == 0, result.stdout + result.stderr
    found: dict[str, str] = {}
    for step in json.loads(result.stdout)["steps"]:
        _, _, types, name = step["urn"].split("::")
        if step["op"] not in ("same", "read"):
            # The parts of a replacement come beside it.
            key, op = f"{types.rsplit('$', 1)[-1]} {name}", step["op"]
            found[key] = "replace" if "replace" in op or "replac" in found.get(key, "") else op
    return found


def gpu(**values: object) -> Callable[[Project], None]:
    return lambda project: project.change("gpu_node_group", **values)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            gpu(ami_release_version="1.35.2-20261101"), {NODE_GROUP: "update"}, id="ami-release"
        ),
        pytest.param(gpu(max_nodes=4), {NODE_GROUP: "update"}, id="bigger-maximum"),
        pytest.param(gpu(desired_nodes=1), {}, id="desired-is-the-autoscaler's"),
        pytest.param(
            gpu(update={"strategy": "terminate_first"}), {NODE_GROUP: "update"}, id="strategy"
        ),
        pytest.param(
            gpu(taints=[{"key": "team", "value": "search", "effect": "NoSchedule"}]),
            {NODE_GROUP: "update", OPERATOR: "update", EFA_PLUGIN: "update", ENGINE: "update"},
            id="taint",
        ),
        pytest.param(gpu(labels={"team": "search"}), {NODE_GROUP: "update"}, id="label"),
        pytest.param(
            gpu(
                capacity={"kind": "reservation", "reservation_id": RESERVATION},
                placement_group={"kind": "create"},
            ),
            {TEMPLATE: "update", NODE_GROUP: "update"},
            id="reservation",
        ),
        pytest.param(
            gpu(capacity={"kind": "reservation", "reservation_id": RESERVATION}),
            {TEMPLATE: "update", NODE_GROUP: "update", PLACEMENT_GROUP: "delete"},
            id="reservation-without-placement-group",
        ),
        pytest.param(
            gpu(capacity={"kind": "capacity_block", "reservation_id": RESERVATION}),
            {TEMPLATE: "update", NODE_GROUP: "replace", PLACEMENT_GROUP: "delete"},
            id="capacity-block",
        ),
        pytest.param(
            gpu(instance_type="p4de.24xlarge"), {NODE_GROUP: "replace"}, id="instance-type"
        ),
        pytest.param(gpu(zone="us-east-1b"), {NODE_GROUP: "replace"}, id="zone"),
    ],
)
def test_a_change_of_the_gpu_nodes(
    project: Project, change: Callable[[Project], None], expected: dict[str, str]
) -> None:
    change(project)
    found = changes(project)
    assert found == expected
    assert not {key.split()[0] for key in found} & NEVER_TOUCHED
