from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.memory import memory_limit
from policies.memory.shared_memory import POLICY
from tests.policies.engine_input import (
    FUZZ,
    TYPES,
    UNKNOWN,
    check,
    deployment,
    mend,
    pod,
    server,
    workload,
)

MOUNT = {"name": "shm", "mountPath": "/dev/shm"}


def volume(**directory: Any) -> dict[str, Any]:
    return {
        "name": "shm",
        "emptyDir": {k: v for k, v in ({"medium": "Memory"} | directory).items() if v is not None},
    }


@pytest.mark.parametrize("size", ["1Gi", "16Gi", "1024Mi", 2**30, "639Gi"])
@pytest.mark.parametrize("path", ["/dev/shm", "/dev/shm/"])
def test_a_volume_in_memory_is_allowed(size: object, path: str) -> None:
    container = server(
        volumeMounts=[{"name": "tmp", "mountPath": "/tmp"}, MOUNT | {"mountPath": path}]
    )
    volumes = [{"name": "tmp", "emptyDir": {}}, volume(sizeLimit=size)]
    assert check(POLICY, deployment(container, volumes=volumes)).nothing


@pytest.mark.parametrize("mounts", [None, [], {}, [None, 7], [MOUNT | {"mountPath": "/shm"}]])
def test_no_volume_is_refused(mounts: object) -> None:
    said = check(POLICY, deployment(server(volumeMounts=mounts))).only()
    assert said.startswith(
        'Deployment "model-server", container "vllm": found no volume at /dev/shm'
    )
    assert "allowed: a volume in memory" in said
    assert "fix: mount a volume at /dev/shm" in said


@pytest.mark.parametrize(
    "volumes",
    [
        None,
        [],
        [volume(medium=None, sizeLimit="16Gi")],
        [volume(medium="HugePages", sizeLimit="16Gi")],
        [{"name": "shm", "hostPath": {"path": "/dev/shm"}}],
        [{"name": "other", "emptyDir": {"medium": "Memory", "sizeLimit": "16Gi"}}],
    ],
)
def test_a_volume_that_is_not_in_memory_is_refused(volumes: object) -> None:
    said = check(POLICY, deployment(server(), volumes=volumes)).only()
    assert "found volume shm at /dev/shm, which is not in memory" in said


@pytest.mark.parametrize("size", [None, "64Mi", "1023Mi", "1G", "large", True, []])
def test_less_than_a_gibibyte_is_refused(size: object) -> None:
    said = check(POLICY, deployment(server(), volumes=[volume(sizeLimit=size)])).only()
    assert "of /dev/shm; allowed: 1Gi or more" in said


@pytest.mark.parametrize("size", ["640Gi", "1Ti"])
def test_as_much_as_the_container_has_is_refused(size: str) -> None:
    said = check(POLICY, deployment(server(), volumes=[volume(sizeLimit=size)])).only()
    assert f"found sizeLimit {size} of /dev/shm; allowed: less than 640Gi" in said


def test_a_missing_memory_limit_is_for_another_policy() -> None:
    assert check(POLICY, deployment(server(memory=None, requests={}))).nothing


@pytest.mark.parametrize(
    "flags", [["-tp=8"], ["-tp=4", "-pp=2"], ["--data-parallel-size=8"], ["-tp", "2"]]
)
def test_several_gpus_need_it_however_they_work_together(flags: list[str]) -> None:
    assert check(POLICY, deployment(server(*flags, volumeMounts=[]))).refusals


def test_one_gpu_needs_none() -> None:
    assert check(POLICY, deployment(server("-tp=1", gpus="1", volumeMounts=[]))).nothing


def test_other_containers_need_none() -> None:
    assert check(POLICY, deployment(server(), {"name": "exporter", "image": "exporter:1"})).nothing


@pytest.mark.parametrize("kind", TYPES)
def test_every_kind_of_workload(kind: str) -> None:
    spec = pod(server(volumeMounts=[]), initContainers=[server(name="first", volumeMounts=[])])
    said = check(POLICY, workload(kind, spec), resource_type=TYPES[kind])
    assert len(said.refusals) == 2


def test_a_patch_may_leave_it_out_but_not_change_it() -> None:
    patch = f"{TYPES['Deployment']}Patch"
    assert check(POLICY, deployment(server(volumeMounts=[])), resource_type=patch).nothing
    assert check(POLICY, deployment(server(), volumes=[]), resource_type=patch).nothing
    small = deployment(server(), volumes=[volume(sizeLimit="64Mi")])
    assert check(POLICY, small, resource_type=patch).refusals


@pytest.mark.parametrize(
    ("container", "volumes", "unknown"),
    [
        (server(volumeMounts=UNKNOWN), [volume(sizeLimit="16Gi")], "volumeMounts"),
        (server(volumeMounts=[UNKNOWN]), [volume(sizeLimit="16Gi")], "volumeMounts.0"),
        (server(), UNKNOWN, "volumes"),
        (server(), [UNKNOWN], "volumes.0"),
        (server(), [volume(sizeLimit=UNKNOWN)], "sizeLimit"),
        (server(), [volume(medium=UNKNOWN)], "medium"),
        (server(memory=UNKNOWN), [volume(sizeLimit="16Gi")], "limits.memory"),
        (server("-tp", UNKNOWN), [volume(sizeLimit="16Gi")], "args.2"),
    ],
)
def test_an_unknown_is_said_to_be_unchecked(
    container: dict[str, Any], volumes: Any, unknown: str
) -> None:
    said = check(POLICY, deployment(container, volumes=volumes))
    assert not said.refusals
    assert f"{unknown} can't be known" in said.unchecked[0]


def test_an_unknown_beside_the_volume_changes_nothing() -> None:
    container = server(volumeMounts=[UNKNOWN, MOUNT])
    assert check(POLICY, deployment(container, volumes=[UNKNOWN, volume(sizeLimit="2Gi")])).nothing
    small = [UNKNOWN, volume(sizeLimit="64Mi")]
    assert check(POLICY, deployment(container, volumes=small)).refusals


GIVEN = volume(sizeLimit="16Gi") | {"name": "shared-memory"}


def test_a_server_without_a_volume_gets_one() -> None:
    tmp = {"name": "tmp", "emptyDir": {}}
    mount = {"name": "tmp", "mountPath": "/tmp"}
    props = deployment(server(volumeMounts=[mount]), volumes=[tmp])
    mended = mend(POLICY, props)
    given_mount = {"name": "shared-memory", "mountPath": "/dev/shm"}
    expected = deployment(server(volumeMounts=[mount, given_mount]), volumes=[tmp, GIVEN])
    assert mended == expected
    assert check(POLICY, expected).nothing


def test_two_servers_of_a_pod_share_it() -> None:
    bare = server(volumeMounts=None)
    mended = mend(POLICY, deployment(bare, initContainers=[bare], volumes=None))
    assert mended is not None
    spec = mended["spec"]["template"]["spec"]
    assert spec["volumes"] == [GIVEN]
    assert check(POLICY, mended).nothing


def test_a_name_that_is_taken() -> None:
    taken = [{"name": "shared-memory", "emptyDir": {}}]
    mended = mend(POLICY, deployment(server(volumeMounts=[]), volumes=taken))
    assert mended is not None
    assert mended["spec"]["template"]["spec"]["volumes"][1]["name"] == "shared-memory-2"
    assert check(POLICY, mended).nothing


def test_memory_that_is_then_too_little_is_refused_by_the_policy_that_counts_it() -> None:
    props = deployment(server(memory="130Gi", volumeMounts=[]), volumes=[])
    assert check(memory_limit.POLICY, props).nothing
    mended = mend(POLICY, props)
    assert mended is not None
    said = check(memory_limit.POLICY, mended).only()
    assert "found memory limit 130Gi" in said
    assert "16 GiB of memory volumes" in said


@pytest.mark.parametrize(
    "props",
    [
        deployment(server()),
        deployment(server(), volumes=[volume(medium=None)]),
        deployment(server("-tp=1", gpus="1", volumeMounts=[])),
        deployment(server(volumeMounts=[], memory="16Gi")),
        deployment(server(volumeMounts=UNKNOWN)),
        deployment(server(volumeMounts=[UNKNOWN])),
        deployment(server(volumeMounts=[]), volumes=[UNKNOWN]),
        deployment(server(volumeMounts=[]), volumes=UNKNOWN),
        deployment(server(volumeMounts=[], memory=UNKNOWN)),
        deployment(server("-tp", UNKNOWN, volumeMounts=[])),
    ],
)
def test_what_is_left_alone(props: dict[str, Any]) -> None:
    assert mend(POLICY, props) is None


def test_a_patch_is_left_alone() -> None:
    patch = f"{TYPES['Deployment']}Patch"
    assert mend(POLICY, deployment(server(volumeMounts=[])), resource_type=patch) is None


@FUZZ
@given(
    mounts=st.none()
    | st.lists(st.sampled_from([MOUNT, {"name": "a", "mountPath": "/a"}, UNKNOWN])),
    volumes=st.none()
    | st.lists(st.sampled_from([volume(sizeLimit="2Gi"), {"name": "shared-memory"}, UNKNOWN])),
    memory=st.sampled_from([None, "8Gi", "16Gi", "17Gi", "640Gi", UNKNOWN]),
    tensor_parallel=st.sampled_from(["1", "2", "8", UNKNOWN]),
    kind=st.sampled_from(sorted(TYPES)),
)
def test_what_is_mended_passes_and_is_mended_once(
    mounts: Any, volumes: Any, memory: Any, tensor_parallel: str, kind: str
) -> None:
    container = server("-tp", tensor_parallel, volumeMounts=mounts, memory=memory)
    props = workload(kind, pod(container, volumes=volumes))
    mended = mend(POLICY, props, resource_type=TYPES[kind])
    if mended is not None:
        assert check(POLICY, mended, resource_type=TYPES[kind]).nothing
        assert mend(POLICY, mended, resource_type=TYPES[kind]) is None
