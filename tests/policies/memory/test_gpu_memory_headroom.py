from typing import Any

import pytest

from catalog.assumptions import ASSUMPTIONS
from catalog.instance_types import P4D
from catalog.memory_fit import visible_gib
from policies.memory.gpu_memory_headroom import POLICY
from tests.policies.engine_input import (
    DEPLOYMENT,
    MIXTRAL,
    TYPES,
    UNKNOWN,
    Said,
    check_stack,
    deployment,
    pod,
    resource,
    server,
    workload,
)
from tests.policies.engine_servers import sglang, tgi, triton
from tests.policies.memory.test_model_fits import group

FLAG = "--mem-fraction-static"
NO_GRAPHS = [{"name": "VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS", "value": "0"}]


def judge(container: Any, *nodes: str, config: dict[str, Any] | None = None) -> Said:
    member = resource(DEPLOYMENT, "model-server", deployment(container))
    return check_stack(POLICY, [group(*(nodes or ("p4d.24xlarge",))), member], config)


@pytest.mark.parametrize("share", ["0.9", "0.85", "0.5"])
def test_a_share_that_leaves_room_is_allowed(share: str) -> None:
    assert judge(sglang("--tp=8", FLAG, share)).nothing


def test_one_that_leaves_none_is_refused() -> None:
    said = judge(sglang("--tp=8", f"{FLAG}=0.91")).only()
    assert said.startswith('Deployment "model-server", container "sglang": found ')
    assert f"found {FLAG} 0.91; allowed: up to 0.9: 3.7 GiB of a GPU of p4d.24xlarge are" in said
    assert f"fix: set {FLAG} to 0.9 or less" in said


def test_a_larger_gpu_leaves_more() -> None:
    container = sglang("--tp=8", f"{FLAG}=0.94")
    assert judge(container, "p4de.24xlarge").nothing
    assert judge(container).refusals
    assert "p4d.24xlarge" in judge(container, "p4de.24xlarge", "p4d.24xlarge").only()


def test_longer_prefills_and_wider_models_need_more() -> None:
    assert judge(sglang("--tp=8", f"{FLAG}=0.9", "--chunked-prefill-size=16384")).refusals
    assert judge(sglang("--tp=8", f"{FLAG}=0.89", "--chunked-prefill-size=2048")).nothing


def test_vllm_has_everything_in_its_share() -> None:
    assert judge(server("-tp=8", "--gpu-memory-utilization=0.99")).nothing


def test_vllm_that_does_not_count_its_graphs_has_them_beside_it() -> None:
    most = 1 - ASSUMPTIONS.cuda_graphs_gib / visible_gib(P4D)
    assert 0.97 < most < 0.98
    high = ["-tp=8", "--gpu-memory-utilization=0.98"]
    said = judge(server(*high, env=NO_GRAPHS)).only()
    assert "found --gpu-memory-utilization 0.98; allowed: up to 0.97: 1.1 GiB" in said
    assert judge(server("-tp=8", "--gpu-memory-utilization=0.97", env=NO_GRAPHS)).nothing
    assert judge(server(*high, "--enforce-eager", env=NO_GRAPHS)).nothing
    assert judge(server(*high, env=[{**NO_GRAPHS[0], "value": "1"}])).nothing


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"maximumByModel": {MIXTRAL: 0.8}}, f"the cap of {MIXTRAL}"),
        ({"maximumByInstanceType": {"p4d.24xlarge": 0.8}}, "the cap of p4d.24xlarge"),
        (
            {"maximumByModel": {MIXTRAL: 0.9}, "maximumByInstanceType": {"p4d.24xlarge": 0.8}},
            "the cap of p4d.24xlarge",
        ),
    ],
)
def test_caps_can_be_configured(config: dict[str, Any], why: str) -> None:
    said = judge(server("-tp=8", "--gpu-memory-utilization=0.85"), config=config).only()
    assert f"found --gpu-memory-utilization 0.85; allowed: up to 0.8: {why}; fix: " in said
    assert judge(server("-tp=8"), config=config).refusals
    assert judge(server("-tp=8", "--gpu-memory-utilization=0.8"), config=config).nothing
    assert judge(tgi("--cuda-memory-fraction=0.85"), config=config).refusals


def test_a_cap_of_another_is_none_of_its_business() -> None:
    config = {"maximumByModel": {"x/y": 0.1}, "maximumByInstanceType": {"p4de.24xlarge": 0.1}}
    assert judge(server("-tp=8"), config=config).nothing


def test_a_model_that_the_catalogue_lacks_has_a_cap_by_the_name_that_it_is_given() -> None:
    config = {"maximumByModel": {"/models/mine": 0.8}}
    assert "the cap of /models/mine" in judge(server(model="/models/mine"), config=config).only()


@pytest.mark.parametrize("container", [triton(), sglang("--tp=8"), {"name": "x", "image": "x"}])
def test_one_without_a_share_has_none_to_refuse(container: dict[str, Any]) -> None:
    assert judge(container, config={"maximumByInstanceType": {"p4d.24xlarge": 0.1}}).nothing


@pytest.mark.parametrize("kind", TYPES)
def test_every_kind_of_workload(kind: str) -> None:
    wrong = sglang("--tp=8", f"{FLAG}=0.95")
    props = workload(kind, pod(wrong, initContainers=[wrong]))
    member = resource(TYPES[kind], "model-server", props)
    assert len(check_stack(POLICY, [group("p4d.24xlarge"), member]).refusals) == 2


@pytest.mark.parametrize(
    "container",
    [
        sglang("--tp=8", FLAG, UNKNOWN),
        sglang("--tp", UNKNOWN, f"{FLAG}=0.95"),
        sglang("--tp=8", FLAG, "much"),
        server("-tp=8", env=[{**NO_GRAPHS[0], "value": UNKNOWN}]),
    ],
)
def test_an_unknown_is_said_to_be_unchecked(container: dict[str, Any]) -> None:
    said = judge(container)
    assert not said.refusals
    assert len(said.unchecked) == 1
