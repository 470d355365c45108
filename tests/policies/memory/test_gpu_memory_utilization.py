import pytest

from catalog.memory_fit import MAX_GPU_MEMORY_UTILIZATION, MIN_GPU_MEMORY_UTILIZATION
from policies.memory.gpu_memory_utilization import POLICY
from tests.policies.engine_input import (
    TYPES,
    UNKNOWN,
    check,
    deployment,
    pod,
    server,
    workload,
)

FLAG = "--gpu-memory-utilization"


@pytest.mark.parametrize("share", [MIN_GPU_MEMORY_UTILIZATION, "0.9", ".92", 0.95, "9e-1"])
@pytest.mark.parametrize("joined", [True, False])
def test_a_share_in_range_is_allowed(share: object, joined: bool) -> None:
    flags = [f"{FLAG}={share}"] if joined else [FLAG, share]
    assert check(POLICY, deployment(server(*flags))).nothing


@pytest.mark.parametrize(
    "share", ["0.99", "0.951", "1", "1.0", "0.49", "0", "-0.9", "90", "nan", "inf", "95%", ""]
)
def test_a_share_out_of_range_is_refused(share: str) -> None:
    said = check(POLICY, deployment(server(f"{FLAG}={share}"))).only()
    assert said.startswith('Deployment "model-server", container "vllm": found ')
    assert f"found {FLAG} {share};" in said
    assert "allowed: 0.5 to 0.95;" in said
    assert "fix: " in said


def test_without_the_flag_vllms_default_counts() -> None:
    assert check(POLICY, deployment(server())).nothing
    said = check(POLICY, deployment(server()), config={"maximum": 0.9}).only()
    assert "vLLM's 0.92" in said
    assert "allowed: 0.5 to 0.9" in said


def test_the_bounds_can_be_configured() -> None:
    props = deployment(server(f"{FLAG}=0.97"))
    assert check(POLICY, props).refusals
    assert check(POLICY, props, config={"maximum": 0.98}).nothing
    assert check(POLICY, props, config={"minimum": 0.98, "maximum": 1}).refusals
    assert POLICY.config_schema is not None
    assert POLICY.config_schema.properties["maximum"]["default"] == MAX_GPU_MEMORY_UTILIZATION


def test_a_share_that_nobody_can_read_is_refused() -> None:
    said = check(POLICY, deployment(server("--config=/etc/vllm.yaml"))).only()
    assert f"found {FLAG} may be set by the file of --config" in said
    assert check(POLICY, deployment(server(FLAG, "$(SHARE)"))).refusals


def test_a_variable_of_the_container_is_read() -> None:
    container = server(FLAG, "$(SHARE)", env=[{"name": "SHARE", "value": "0.99"}])
    assert f"found {FLAG} 0.99" in check(POLICY, deployment(container)).only()


def test_several_containers_and_other_programs() -> None:
    other = {"name": "trainer", "image": "trainer:1", "args": ["--utilization=2"]}
    said = check(POLICY, deployment(server(), server(f"{FLAG}=0.99", name="wrong"), other))
    assert 'container "wrong"' in said.only()


@pytest.mark.parametrize("kind", TYPES)
def test_every_kind_of_workload(kind: str) -> None:
    wrong = server(f"{FLAG}=0.99")
    spec = pod(wrong, initContainers=[wrong])
    said = check(POLICY, workload(kind, spec), resource_type=TYPES[kind])
    assert len(said.refusals) == 2


def test_an_unknown_is_said_to_be_unchecked() -> None:
    said = check(POLICY, deployment(server(FLAG, UNKNOWN), server(f"{FLAG}=0.99", name="wrong")))
    assert 'container "wrong"' in said.refusals[0]
    assert "args.2 can't be known" in said.unchecked[0]
