"""Capacity, placement and EFA: what the settings derive, and what they refuse."""

from typing import Any

import pytest

from catalog import efa_layout
from stacks.reading import SettingsError
from stacks.settings import Settings
from tests.stacks.changed import local
from tests.stacks.drawn_settings import DIGEST, ECR, RESERVATION, RESOURCE_GROUP


def gpu(**values: Any) -> Settings:
    return local(gpu_node_group=values)


BLOCK = {"kind": "capacity_block", "reservation_id": RESERVATION}
ODCR = {"kind": "reservation", "reservation_id": RESERVATION}


@pytest.mark.parametrize(
    ("values", "placement"),
    [
        ({}, "create"),
        ({"efa": {"enabled": False}}, "none"),
        ({"capacity": ODCR}, "none"),
        ({"capacity": BLOCK}, "none"),
        ({"capacity": ODCR, "placement_group": {"kind": "existing", "name": "ours"}}, "existing"),
        ({"efa": {"enabled": False}, "placement_group": {"kind": "create"}}, "create"),
    ],
)
def test_placement_follows_from_capacity_and_efa(values: dict[str, Any], placement: str) -> None:
    assert gpu(**values).gpu_node_group.placement().kind == placement


@pytest.mark.parametrize(
    ("values", "key", "says"),
    [
        pytest.param(
            {"capacity": BLOCK, "placement_group": {"kind": "create"}},
            "placement_group.kind",
            "close together by itself",
            id="trap-2",
        ),
        ({"placement_group": {"kind": "none"}}, "placement_group.kind", "close together"),
        ({"capacity": {"kind": "spot"}}, "capacity.kind", "on_demand, reservation, capacity_block"),
        ({"capacity": {}}, "capacity.kind", "missing"),
        ({"capacity": {"kind": "reservation"}}, "capacity.reservation_id", "exactly one of"),
        (
            {"capacity": {**ODCR, "resource_group_arn": RESOURCE_GROUP}},
            "capacity.reservation_id",
            "exactly one of",
        ),
        (
            {"capacity": {**BLOCK, "resource_group_arn": RESOURCE_GROUP}},
            "capacity.resource_group_arn",
            "unknown key",
        ),
        (
            {
                "capacity": {
                    "kind": "reservation",
                    "resource_group_arn": RESOURCE_GROUP.replace("us-east-1", "eu-west-1"),
                }
            },
            "capacity.resource_group_arn",
            "an ARN of aws.region us-east-1",
        ),
        ({"capacity": {**BLOCK, "reservation_id": "cr-1"}}, "capacity.reservation_id", "^cr-"),
        ({"efa": {"enabled": False, "interfaces": []}}, "efa.interfaces", "at least 1 item"),
        ({"labels": {"moe-serving/node": "mine"}}, "labels", "labels beside our own"),
        (
            {"taints": [{"key": "nvidia.com/gpu", "effect": "NoExecute"}]},
            "taints",
            "none on nvidia.com/gpu",
        ),
        ({"update": {"max_unavailable": 3}}, "update.max_unavailable", "up to max_nodes 2"),
    ],
)
def test_what_cannot_work_is_refused(values: dict[str, Any], key: str, says: str) -> None:
    with pytest.raises(SettingsError) as error:
        gpu(**values)
    (problem, *_) = error.value.problems
    assert problem.key == f"moe-serving:gpu_node_group.{key}"
    assert says in problem.message


def layout(*interfaces: tuple[int, int, str]) -> list[dict[str, Any]]:
    keys = ("network_card", "device_index", "type")
    return [dict(zip(keys, each, strict=True)) for each in interfaces]


@pytest.mark.parametrize(
    "interfaces",
    [
        layout((0, 0, "efa"), (1, 1, "efa"), (2, 1, "efa"), (3, 1, "efa")),
        layout(
            (0, 0, "interface"),
            *((0, 1, "efa-only"), (1, 0, "efa-only"), (2, 0, "efa-only"), (3, 0, "efa-only")),
        ),
    ],
)
def test_layouts_of_others_are_accepted(interfaces: list[dict[str, Any]]) -> None:
    made = gpu(efa={"interfaces": interfaces}).gpu_node_group.interfaces()
    assert [each._asdict() for each in made] == interfaces
    assert efa_layout.efa_count(made) == 4


@pytest.mark.parametrize(
    "interfaces",
    [
        pytest.param(
            layout((0, 0, "efa"), (1, 1, "efa"), (2, 2, "efa"), (3, 3, "efa")), id="trap-5"
        ),
        layout((0, 0, "efa-only"), (1, 1, "efa-only"), (2, 1, "efa-only"), (3, 1, "efa-only")),
        layout((0, 0, "efa"), (1, 1, "efa-only")),
        layout((1, 0, "efa"), (2, 1, "efa-only"), (3, 1, "efa-only"), (4, 1, "efa-only")),
    ],
)
def test_layouts_that_ec2_would_not_start_are_refused(interfaces: list[dict[str, Any]]) -> None:
    with pytest.raises(SettingsError, match=r"efa\.interfaces"):
        gpu(efa={"interfaces": interfaces})


def test_tolerations_cover_every_taint_of_the_nodes() -> None:
    taint = {"key": "team", "value": "search", "effect": "NoExecute"}
    tolerations = gpu(taints=[taint]).gpu_node_group.tolerations()
    assert {"operator": "Equal", **taint} in tolerations
    assert any(each["key"] == "nvidia.com/gpu" for each in tolerations)


@pytest.mark.parametrize(
    ("sections", "key"),
    [
        ({}, "model_weights.kind"),
        ({"model_weights": {"kind": "s3"}}, "model_server.image"),
        (
            {
                "model_weights": {"kind": "s3"},
                "model_server": {"image": f"{ECR.replace('us-east-1', 'eu-west-1')}/vllm@{DIGEST}"},
            },
            "model_server.image",
        ),
        (
            {"model_weights": {"kind": "s3"}, "model_server": {"image": f"{ECR}/vllm@{DIGEST}"}},
            "charts.image_registry",
        ),
    ],
)
def test_without_a_way_out_nothing_may_come_from_the_internet(
    sections: dict[str, Any], key: str
) -> None:
    with pytest.raises(SettingsError, match=key):
        local(network={"nat_gateways": "none"}, **sections)


def test_without_a_way_out_copies_in_ecr_and_s3_are_enough() -> None:
    accepted = local(
        network={"nat_gateways": "none"},
        model_weights={"kind": "s3"},
        model_server={"image": f"{ECR}/vllm@{DIGEST}"},
        charts={"image_registry": f"{ECR}/mirror"},
    )
    assert accepted.charts.image_registry == f"{ECR}/mirror"


def test_a_cni_that_takes_efa_only_interfaces_for_its_own_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"v1\.18\.5"):
        local(cluster={"vpc_cni_version": "v1.18.4-eksbuild.2"})


@pytest.mark.parametrize(
    ("server", "engines"),
    [
        ({}, 1),
        ({"tensor_parallel_size": 4, "max_model_len": 8192, "cpu": 40, "memory_gib": 320}, 2),
        # GPUs and memory for two, cores for one.
        ({"tensor_parallel_size": 4, "max_model_len": 8192, "cpu": 64, "memory_gib": 320}, 1),
        # GPUs and cores for two, memory for one.
        ({"tensor_parallel_size": 4, "max_model_len": 8192, "cpu": 40, "memory_gib": 640}, 1),
    ],
)
def test_engines_beside_each_other_on_a_node(server: dict[str, Any], engines: int) -> None:
    assert local(model_server=server).engines_per_node() == engines


@pytest.mark.parametrize(
    ("server", "key"),
    [
        ({"replicas": 3}, "model_server.replicas"),
        # 1152 GiB is what EC2 states; kernel, kubelet and huge pages take a tenth.
        ({"memory_gib": 1100}, "model_server.memory_gib"),
        ({"cpu": 96}, "model_server.cpu"),
    ],
)
def test_what_no_node_could_hold_is_refused(server: dict[str, Any], key: str) -> None:
    with pytest.raises(SettingsError, match=f"{key}: .* is not allowed; allowed: .*up to|to 10"):
        local(model_server=server)
