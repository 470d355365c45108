from typing import Any

import pytest

from policies.security.llm_server_locked_down import POLICY
from tests.policies.engine_input import (
    DIGEST,
    GPU,
    TYPES,
    UNKNOWN,
    Said,
    check,
    deployment,
    pod,
    server,
    workload,
)

LOCKED: dict[str, Any] = {"allowPrivilegeEscalation": False}
USER: dict[str, Any] = {"runAsNonRoot": True, "runAsUser": 2000}


def judge(own: Any = None, pods: Any = None, config: Any = None, **fields: Any) -> Said:
    container = server(securityContext=LOCKED if own is None else own, **fields)
    props = deployment(container, securityContext=USER if pods is None else pods)
    return check(POLICY, props, config=config)


def test_the_components_are_allowed() -> None:
    assert check(POLICY, deployment(server())).nothing
    assert judge().nothing


@pytest.mark.parametrize("given", [{}, {"allowPrivilegeEscalation": True}])
def test_escalation_is_refused(given: dict[str, Any]) -> None:
    said = judge(given).only()
    assert said.startswith('Deployment "model-server", container "vllm": found securityContext.al')
    assert "allowed: false" in said


@pytest.mark.parametrize("name", ["SYS_ADMIN", "IPC_LOCK", "CAP_SYS_PTRACE", "all"])
def test_an_added_capability_is_refused(name: str) -> None:
    said = judge(LOCKED | {"capabilities": {"add": ["NET_BIND_SERVICE", name]}}).only()
    assert f"found added capability {name.upper().removeprefix('CAP_')}; allowed: NET_BI" in said


def test_capabilities_that_the_configuration_allows() -> None:
    own = LOCKED | {"capabilities": {"add": ["IPC_LOCK"], "drop": ["ALL"]}}
    assert judge(own, config={"allowedCapabilities": ["IPC_LOCK"]}).nothing
    assert judge(own, config={"allowedCapabilities": ["SYS_NICE"]}).refusals


@pytest.mark.parametrize(
    ("own", "pods"),
    [
        ({}, {}),
        ({}, {"runAsNonRoot": False}),
        ({}, {"runAsUser": 0}),
        ({"runAsUser": 0}, USER),
        ({"runAsNonRoot": False}, {"runAsNonRoot": True}),
        ({}, {"runAsUser": "root"}),
    ],
)
def test_root_is_refused(own: dict[str, Any], pods: dict[str, Any]) -> None:
    assert "a user other than 0, or runAsNonRoot true" in judge(LOCKED | own, pods).only()


@pytest.mark.parametrize(
    ("own", "pods"),
    [
        ({}, {"runAsNonRoot": True}),
        ({}, {"runAsUser": 2000}),
        ({"runAsUser": 2000}, {"runAsUser": 0}),
        ({"runAsNonRoot": True}, {}),
    ],
)
def test_users_that_are_allowed(own: dict[str, Any], pods: dict[str, Any]) -> None:
    assert judge(LOCKED | own, pods).nothing


def on_node(path: Any = "/mnt/weights", config: Any = None, **mount: Any) -> Said:
    volumes = [{"name": "weights", "hostPath": {"path": path}}, {"name": "tmp", "emptyDir": {}}]
    mounts = [{"name": "tmp"}, {"name": "weights", "mountPath": "/models", **mount}]
    container = server(volumeMounts=mounts)
    return check(POLICY, deployment(container, volumes=volumes), config=config)


def test_a_folder_of_the_node_is_refused() -> None:
    said = on_node().only()
    assert "found volume weights, which is /mnt/weights of the node; allowed: no hostPath" in said
    assert on_node(name="tmp").nothing


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/mnt", True),
        ("/mnt/weights", True),
        ("/mnt/", True),
        ("/mn", False),
        ("/", False),
        ("/mnt2", False),
        (7, False),
    ],
)
def test_folders_that_the_configuration_allows(path: Any, allowed: bool) -> None:
    assert on_node(path, {"allowedHostPaths": ["/data", "/mnt/"]}).nothing == allowed


def test_whatever_has_gpus_is_guarded_and_nothing_else() -> None:
    plain = {"name": "train", "image": f"tools/train@{DIGEST}"}
    assert check(POLICY, deployment(plain, securityContext={})).nothing
    for of in ("limits", "requests"):
        with_gpus = plain | {"resources": {of: {GPU: "1"}}}
        assert len(check(POLICY, deployment(with_gpus, securityContext={})).refusals) == 2
    without = plain | {"resources": {"limits": {GPU: "0"}}}
    assert check(POLICY, deployment(without, securityContext={})).nothing


@pytest.mark.parametrize("kind", TYPES)
def test_every_kind_of_workload(kind: str) -> None:
    bad = server(securityContext={})
    spec = pod(bad, initContainers=[bad])
    assert len(check(POLICY, workload(kind, spec), resource_type=TYPES[kind]).refusals) == 2


def test_a_patch_may_leave_it_out_but_not_loosen_it() -> None:
    patch = f"{TYPES['Deployment']}Patch"
    bare = deployment(server(securityContext=None), securityContext=None)
    assert check(POLICY, bare, resource_type=patch).nothing
    loose = deployment(
        server(securityContext={"allowPrivilegeEscalation": True}),
        securityContext={"runAsNonRoot": False},
    )
    assert len(check(POLICY, loose, resource_type=patch).refusals) == 2


@pytest.mark.parametrize(
    ("container", "fields", "unknown"),
    [
        (server(securityContext=UNKNOWN), {}, "securityContext"),
        (server(), {"securityContext": UNKNOWN}, "securityContext"),
        (server(securityContext=LOCKED | {"capabilities": {"add": [UNKNOWN]}}), {}, "add.0"),
        (server(volumeMounts=[UNKNOWN]), {}, "volumeMounts.0"),
        (server(), {"volumes": UNKNOWN}, "volumes"),
        ({"name": "a", "resources": UNKNOWN}, {}, "resources"),
    ],
)
def test_an_unknown_is_said_to_be_unchecked(
    container: dict[str, Any], fields: dict[str, Any], unknown: str
) -> None:
    said = check(POLICY, deployment(container, **fields))
    assert not said.refusals
    assert any(f"{unknown} can't be known" in note for note in said.unchecked)


def test_an_unknown_beside_what_is_wrong_hides_nothing() -> None:
    own = {"allowPrivilegeEscalation": UNKNOWN, "capabilities": {"add": [UNKNOWN, "SYS_ADMIN"]}}
    said = judge(own, {"runAsUser": 0})
    assert len(said.refusals) == 2
    assert len(said.unchecked) == 2
