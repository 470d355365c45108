"""Servers on other hardware, and engines that Ray spreads: what the corpus found wrong."""

from typing import Any

import pytest

from policies.gpu import gpu_limits
from policies.memory import shared_memory
from policies.network import engine_across_nodes
from tests.policies.engine_input import (
    GPU,
    TYPES,
    check,
    check_stack,
    deployment,
    resource,
    server,
)

TP = "--tensor-parallel-size=4"


def _without_gpus(**fields: Any) -> dict[str, Any]:
    return server(TP, resources={"limits": {"memory": "64Gi"}}, **fields)


@pytest.mark.parametrize(
    "container",
    [
        server(TP, resources={"limits": {"google.com/tpu": 4.0}}),
        server(TP, resources={"requests": {"aws.amazon.com/neuroncore": "2"}}),
        _without_gpus(image="public.ecr.aws/q9t5s3a7/vllm-cpu-release-repo:v0.9.1"),
        _without_gpus(image="vllm/vllm-openai-rocm:v0.11"),
    ],
)
def test_a_server_on_other_hardware_is_not_judged_by_its_gpus(container: Any) -> None:
    assert check(gpu_limits.POLICY, deployment(container)).nothing
    assert check(shared_memory.POLICY, deployment(container)).nothing


@pytest.mark.parametrize(
    "container",
    [
        server(TP, gpus="8", image="vllm/vllm-tpu:v0.11"),
        _without_gpus(),
        _without_gpus(image="registry.example/cpu/vllm-openai:v0.11"),
        server(TP, resources={"limits": {GPU: "8", "google.com/tpu": "4"}}),
    ],
)
def test_neither_a_name_nor_a_second_resource_hides_a_gpu(container: Any) -> None:
    assert "nvidia.com/gpu" in check(gpu_limits.POLICY, deployment(container)).only()


def test_gpus_of_a_claim_cannot_be_counted() -> None:
    container = server(TP, resources={"claims": [{"name": "gpus"}]})
    said = check(gpu_limits.POLICY, deployment(container))
    assert not said.refusals
    assert "ResourceClaim" in said.unchecked[0]


_RAY = "bash /vllm-workspace/examples/online_serving/multi-node-serving.sh leader; "
_SERVE = "vllm serve org/model --tensor-parallel-size 8 --pipeline-parallel-size 2"


@pytest.mark.parametrize("before", [_RAY, "ray start --head --port 6379 && "])
def test_an_engine_of_ray_has_one_stage_on_each_node(before: str) -> None:
    container = server(command=["sh", "-c", before + _SERVE], args=[])
    assert check(gpu_limits.POLICY, deployment(container)).nothing
    alone = server(command=["sh", "-c", _SERVE], args=[])
    assert "allowed: 16" in check(gpu_limits.POLICY, deployment(alone)).only()


def test_its_group_may_be_of_any_size() -> None:
    leader = {"spec": {"containers": [server(command=["sh", "-c", _RAY + _SERVE], args=[])]}}
    template = {"size": 2.0, "leaderTemplate": leader, "workerTemplate": {"spec": {}}}
    props = {"spec": {"leaderWorkerTemplate": template}}
    said = check_stack(
        engine_across_nodes.POLICY, [resource(TYPES["LeaderWorkerSet"], "moe", props)]
    )
    assert said.refusals
    assert not [each for each in said.refusals if "pods in groups of size" in each]
