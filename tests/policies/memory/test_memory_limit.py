import math

import pytest

from catalog.memory_fit import host_memory_needed_gib
from catalog.models import MODELS
from policies.memory.memory_limit import POLICY
from tests.policies.engine_input import (
    MIXTRAL,
    MIXTRAL_LARGE,
    TYPES,
    UNKNOWN,
    check,
    deployment,
    pod,
    server,
    workload,
)

NEEDED_GIB = math.ceil(host_memory_needed_gib(MODELS[MIXTRAL], gpus=8, shm_gib=16))


@pytest.mark.parametrize(
    "memory", ["640Gi", f"{NEEDED_GIB}Gi", f"{NEEDED_GIB * 1024}Mi", "1Ti", "700G", 700_000_000_000]
)
def test_enough_memory_is_allowed(memory: object) -> None:
    assert check(POLICY, deployment(server(memory=memory))).nothing


@pytest.mark.parametrize("memory", [f"{NEEDED_GIB - 1}Gi", "16Gi", "640Mi", "640", 640, "640m"])
def test_less_than_the_model_needs_is_refused(memory: object) -> None:
    said = check(POLICY, deployment(server(memory=memory))).only()
    assert said.startswith('Deployment "model-server", container "vllm": found memory limit ')
    assert f"found memory limit {memory};" in said
    assert f"allowed: {NEEDED_GIB}Gi or more ({MIXTRAL}: its weights, 16 GiB" in said
    assert "8 workers" in said
    assert "fix: " in said


@pytest.mark.parametrize("memory", [None, "", "lots", "12XB", True, [640], {"gib": 640}, "0"])
def test_a_limit_that_is_missing_or_no_quantity_is_refused(memory: object) -> None:
    said = check(POLICY, deployment(server(memory=memory, requests={}))).only()
    assert "allowed: a quantity such as 640Gi" in said


def test_the_memory_volume_counts_only_where_it_is_mounted() -> None:
    exact = f"{NEEDED_GIB - 16}Gi"
    assert check(POLICY, deployment(server(memory=exact, volumeMounts=[]))).nothing
    assert check(POLICY, deployment(server(memory=exact))).refusals
    disk = [{"name": "shm", "emptyDir": {"sizeLimit": "16Gi"}}]
    assert check(POLICY, deployment(server(memory=exact), volumes=disk)).nothing


def test_a_larger_model_needs_more() -> None:
    said = check(POLICY, deployment(server(model=MIXTRAL_LARGE, memory="300Gi"))).only()
    assert "allowed: 310Gi or more" in said


@pytest.mark.parametrize("model", ["facebook/opt-125m", "/models/mine"])
def test_of_an_unknown_model_only_presence_is_asked(model: str) -> None:
    assert check(POLICY, deployment(server(model=model, memory="1Gi"))).nothing
    assert check(POLICY, deployment(server(model=model, memory=None, requests={}))).refusals


def test_a_model_by_its_path_is_known() -> None:
    container = server(model="/models/mixtral-8x7b-instruct-v0.1/", memory="16Gi")
    assert check(POLICY, deployment(container)).refusals


@pytest.mark.parametrize(
    ("flags", "gpus"), [(["-tp=8", "-pp=2", "--nnodes=2"], 8), (["-tp=2", "-dp=2", "-ep"], 4)]
)
def test_the_workers_of_the_pod_count(flags: list[str], gpus: int) -> None:
    needed_gib = math.ceil(host_memory_needed_gib(MODELS[MIXTRAL], gpus=gpus, shm_gib=16))
    assert check(POLICY, deployment(server(*flags, memory=f"{needed_gib}Gi"))).nothing
    said = check(POLICY, deployment(server(*flags, memory=f"{needed_gib - 1}Gi"))).only()
    assert f"{gpus} workers" in said


@pytest.mark.parametrize("flags", [["-q", "awq"], ["--dtype", "float32"]])
def test_what_the_formula_does_not_cover_is_said_to_be_unchecked(flags: list[str]) -> None:
    said = check(POLICY, deployment(server("-tp=8", *flags, memory="16Gi")))
    assert not said.refusals
    assert f"how much memory {MIXTRAL} needs" in said.unchecked[0]


def test_a_deepspeed_mii_server_needs_as_much() -> None:
    command = ["python", "-m", "mii.entrypoints.openai_api_server"]
    args = ["--model", MIXTRAL, "--tensor-parallel", "8"]
    assert check(POLICY, deployment(server(command=command, args=args))).nothing
    said = check(POLICY, deployment(server(command=command, args=args, memory="16Gi"))).only()
    assert f"allowed: {NEEDED_GIB}Gi or more" in said


def test_the_request_equals_the_limit() -> None:
    said = check(POLICY, deployment(server(requests={"memory": "600Gi"}))).only()
    assert "found memory request 600Gi; allowed: 640Gi, its limit" in said
    assert check(POLICY, deployment(server(requests={"memory": "655360Mi"}))).nothing
    assert check(POLICY, deployment(server(requests={}))).nothing


def test_other_containers_need_no_limit() -> None:
    sidecar = {"name": "exporter", "image": "exporter:1"}
    assert check(POLICY, deployment(server(), sidecar)).nothing


@pytest.mark.parametrize("kind", TYPES)
def test_every_kind_of_workload(kind: str) -> None:
    spec = pod(server(memory="1Gi"), initContainers=[server(name="first", memory="2Gi")])
    said = check(POLICY, workload(kind, spec), resource_type=TYPES[kind])
    assert len(said.refusals) == 2


@pytest.mark.parametrize(
    ("container", "fields", "unknown"),
    [
        (server(memory=UNKNOWN, requests={}), {}, "limits.memory"),
        (server(requests={"memory": UNKNOWN}), {}, "requests.memory"),
        (server(volumeMounts=[UNKNOWN]), {}, "volumeMounts.0"),
        (server(), {"volumes": [UNKNOWN]}, "volumes.0"),
        (server(), {"volumes": UNKNOWN}, "volumes"),
        (server(model=UNKNOWN), {}, "args.0"),
    ],
)
def test_an_unknown_is_said_to_be_unchecked(
    container: dict[str, object], fields: dict[str, object], unknown: str
) -> None:
    said = check(POLICY, deployment(container, server(name="wrong", memory=None), **fields))
    assert all('container "wrong"' in refusal for refusal in said.refusals)
    assert said.refusals
    assert any(f"{unknown} can't be known" in note for note in said.unchecked)


def test_too_little_is_refused_although_a_volume_is_unknown() -> None:
    said = check(POLICY, deployment(server(memory="16Gi"), volumes=[UNKNOWN]))
    assert said.refusals
    assert said.unchecked
