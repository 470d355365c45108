import pytest

from policies.gpu.gpu_limits import POLICY
from tests.policies.engine_input import (
    GPU,
    IMAGE,
    MIXTRAL,
    TYPES,
    UNKNOWN,
    check,
    deployment,
    pod,
    server,
    workload,
)


@pytest.mark.parametrize("gpus", ["8", 8, "8.0", "8e0", "8000m"])
@pytest.mark.parametrize(
    "flags",
    [
        ["--tensor-parallel-size=8"],
        ["--tensor-parallel-size", "8"],
        ["--tensor-parallel-size", 8],
        ["-tp", "8"],
        ["-tp=8"],
        ["--tensor_parallel_size", "8"],
        ["--tensor-parallel", "8"],
        ["-tp", "2", "-tp", "8"],
        ["-tp", "4", "-pp", "2"],
        ["-tp", "4", "--data-parallel-size", "2"],
        ["-tp", "8", "-dp", "16", "--data-parallel-size-local", "1"],
        ["-tp", "8", "-dp", "16", "--data-parallel-external-lb"],
        ["-tp", "8", "-pp", "$(LWS_GROUP_SIZE)", "--nnodes", "$(LWS_GROUP_SIZE)"],
        ["-tp", "8", "-pp", "2", "--distributed-executor-backend", "ray"],
        ["-tp", "8", "-pp", "2", "--nnodes", "2"],
        ["-tp", "16", "--nnodes", "2"],
        ["-tp", "8", "-dp", "2", "--nnodes", "2"],
        ["-tp", "4", "-pp", "2", "-dp", "2", "--nnodes", "2"],
        ["-tp", "4", "-pp", "2", "-dp", "2", "-dpl", "2", "--nnodes", "2"],
        ["-tp", "4", "-pp", "4", "-dp", "2", "--nnodes", "4"],
        ["-tp", "4", "-dp", "2", "-ep", "--enable-eplb"],
    ],
)
def test_as_many_gpus_as_the_processes_take(gpus: object, flags: list[object]) -> None:
    assert check(POLICY, deployment(server(*flags, gpus=gpus))).nothing


@pytest.mark.parametrize("gpus", ["7", "4", 16, "8500m"])
def test_another_number_is_refused(gpus: object) -> None:
    said = check(POLICY, deployment(server(gpus=gpus))).only()
    assert said.startswith('Deployment "model-server", container "vllm": found limit ')
    assert f"found limit {GPU} {gpus};" in said
    assert "allowed: 8, as many" in said
    assert "--tensor-parallel-size 8" in said
    assert "fix: " in said


@pytest.mark.parametrize("gpus", [None, "many", "", True, [8], {"a": 8}, "0", -8])
def test_a_limit_that_is_missing_or_no_number_is_refused(gpus: object) -> None:
    requests: dict[str, object] = {}
    said = check(POLICY, deployment(server(gpus=gpus, requests=requests))).only()
    assert "allowed: 8;" in said


def test_all_sizes_that_count_are_named() -> None:
    said = check(POLICY, deployment(server("-tp=4", "-dp=2", "-ep", gpus="4"))).only()
    assert (
        "allowed: 8, as many as its processes take (--tensor-parallel-size 4 x --data-par" in said
    )


def test_a_deepspeed_mii_server_is_counted_by_its_own_flags() -> None:
    command = ["python", "-m", "mii.entrypoints.openai_api_server"]
    args = ["--model", MIXTRAL, "--tensor-parallel", "4", "--replica-num=2"]
    assert check(POLICY, deployment(server(command=command, args=args))).nothing
    said = check(POLICY, deployment(server(command=command, args=args[:-1]))).only()
    assert "allowed: 4, as many as its processes take (--tensor-parallel 4)" in said
    said = check(POLICY, deployment(server(command=command, args=["--tensor-parallel=all"]))).only()
    assert "write --tensor-parallel and the other parallel sizes" in said


def test_a_group_of_pods_says_how_many_nodes_there_are() -> None:
    flags = ["-tp", "16", "--nnodes", "$(LWS_GROUP_SIZE)"]
    props = workload("LeaderWorkerSet", pod(server(*flags)))
    props["spec"]["leaderWorkerTemplate"]["size"] = 2
    assert check(POLICY, props, resource_type=TYPES["LeaderWorkerSet"]).nothing
    del props["spec"]["leaderWorkerTemplate"]["size"]
    assert "allowed: 16" in check(POLICY, props, resource_type=TYPES["LeaderWorkerSet"]).only()


def test_the_default_is_one_gpu() -> None:
    assert check(POLICY, deployment(server("--port=8000", gpus="1"))).nothing
    said = check(POLICY, deployment(server("--port=8000"))).only()
    assert "allowed: 1," in said


def test_no_resources_at_all() -> None:
    container = server()
    del container["resources"]
    assert "found limit nvidia.com/gpu nothing" in check(POLICY, deployment(container)).only()


@pytest.mark.parametrize("request_", ["4", 9, "x", None])
def test_a_request_equals_its_limit(request_: object) -> None:
    said = check(POLICY, deployment(server(requests={GPU: request_})))
    if request_ is None:
        assert said.nothing
    else:
        assert f"found request {GPU} {request_}; allowed: 8" in said.only()


@pytest.mark.parametrize(
    "flags", [["--tensor-parallel-size", "all"], ["-tp"], ["-tp=0"], ["-tp", "-8"], ["-tp", "2.5"]]
)
def test_a_size_that_is_no_number_is_refused(flags: list[str]) -> None:
    assert "--tensor-parallel-size" in check(POLICY, deployment(server(*flags))).only()


@pytest.mark.parametrize(
    ("flags", "hidden"),
    [
        (["--config", "/etc/vllm.yaml"], "the file of --config"),
        (["--trust-remote-code", "$(MORE)"], "$(MORE)"),
    ],
)
def test_a_size_that_nobody_can_read_is_refused(flags: list[str], hidden: str) -> None:
    said = check(POLICY, deployment(server(*flags))).only()
    assert f"found --tensor-parallel-size may be set by {hidden}" in said
    assert check(POLICY, deployment(server(*flags, "-tp", "8"))).nothing


def test_several_containers_are_told_apart() -> None:
    said = check(
        POLICY,
        deployment(
            server(name="right"),
            server(name="wrong", gpus="4"),
            {"name": "exporter", "image": IMAGE.replace("vllm", "dcgm")},
        ),
    )
    assert 'container "wrong"' in said.only()


@pytest.mark.parametrize("kind", TYPES)
def test_every_kind_of_workload(kind: str) -> None:
    spec = pod(server(gpus="4"), initContainers=[server(name="first", gpus="2")])
    said = check(POLICY, workload(kind, spec), resource_type=TYPES[kind])
    assert len(said.refusals) == 2
    assert all(kind in refusal for refusal in said.refusals)


def test_a_server_in_an_ephemeral_container_cannot_have_limits() -> None:
    assert check(POLICY, deployment(ephemeralContainers=[server(gpus=None)])).nothing


def test_a_patch_may_leave_the_limit_out_but_not_change_it() -> None:
    patch = f"{TYPES['Deployment']}Patch"
    container = {"name": "vllm", "args": [MIXTRAL, "-tp", "8"]}
    assert check(POLICY, deployment(container), resource_type=patch).nothing
    said = check(POLICY, deployment(server(gpus="4")), resource_type=patch)
    assert said.refusals


@pytest.mark.parametrize(
    ("container", "unknown"),
    [
        (server("-tp", UNKNOWN), "args.2"),
        (server(UNKNOWN), "args.1"),
        (server(gpus=UNKNOWN, requests={}), "limits.nvidia.com/gpu"),
        (server(resources=UNKNOWN), "resources"),
        (server(args=UNKNOWN), "args"),
        ({"name": "vllm", "image": UNKNOWN, "args": [MIXTRAL]}, "image"),
    ],
)
def test_an_unknown_is_said_to_be_unchecked(container: dict[str, object], unknown: str) -> None:
    said = check(POLICY, deployment(container, server(name="wrong", gpus="4")))
    assert len(said.refusals) == 1
    assert all('container "vllm"' in u and f"{unknown} can't be known" in u for u in said.unchecked)
    assert said.unchecked


def test_an_unknown_beside_does_not_hide_a_violation() -> None:
    assert check(POLICY, deployment(server(UNKNOWN, "-tp", "8", gpus="4"))).refusals
    container = server(gpus="4", requests={GPU: UNKNOWN})
    said = check(POLICY, deployment(container))
    assert len(said.refusals) == len(said.unchecked) == 1
