"""When a new kind of workload would wait for the GPUs of the old one."""

from gate.report import Place
from gate.stacks.engine_kind import waits_for_gpus
from tests.gate.stacks.recorded import Event, step

PLACE = Place("stacks/Pulumi.dev.yaml")
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
GROUP = "kubernetes:leaderworkerset.x-k8s.io/v1:LeaderWorkerSet"
GPUS = {"inputs": {"spec": {"resources": {"limits": {"nvidia.com/gpu": "8"}}}}}


def engine(operation: str, type_: str) -> Event:
    return step(operation, type_, "server", **{"old" if operation == "delete" else "new": GPUS})


def test_one_kind_in_place_of_another_is_advice() -> None:
    (item,) = waits_for_gpus([engine("create", GROUP), engine("delete", DEPLOYMENT)], PLACE)
    assert not item.refuses
    assert "a LeaderWorkerSet takes the place of a Deployment" in item.message
    assert "docs/how-to/engines.md" in item.remediation


def test_only_new_only_gone_or_without_gpus_is_none() -> None:
    without = step("delete", DEPLOYMENT, "gateway", old={"inputs": {}})
    for recorded in (
        [engine("create", GROUP)],
        [engine("delete", DEPLOYMENT)],
        [engine("create", GROUP), without],
        [engine("create", GROUP), engine("update", DEPLOYMENT)],
    ):
        assert list(waits_for_gpus(recorded, PLACE)) == []
