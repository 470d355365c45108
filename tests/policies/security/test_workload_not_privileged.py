from typing import Any

import pytest

from policies.security.workload_not_privileged import POLICY
from tests.policies.engine_input import (
    IMAGE,
    TYPES,
    UNKNOWN,
    Said,
    check,
    deployment,
    pod,
    server,
    workload,
)

PRIVILEGED = {"name": "agent", "image": IMAGE, "securityContext": {"privileged": True}}
ORDINARY = {"name": "agent", "image": IMAGE}


def judge(
    container: Any = PRIVILEGED,
    kind: str = "DaemonSet",
    metadata: Any = None,
    exempt: Any = None,
    **fields: Any,
) -> Said:
    props = workload(kind, pod(container, **fields))
    props["metadata"] = {"name": "agent", "namespace": "tools"} if metadata is None else metadata
    config = None if exempt is None else {"exempt": exempt}
    return check(POLICY, props, resource_type=TYPES[kind], name="my-agent", config=config)


def test_ordinary_workloads_are_allowed() -> None:
    assert check(POLICY, deployment(server(), ORDINARY)).nothing


def test_a_privileged_container_is_refused() -> None:
    said = judge().only()
    assert said.startswith('DaemonSet "my-agent", container "agent": found securityContext.privi')
    assert judge(PRIVILEGED | {"securityContext": {"privileged": "true"}}).refusals
    assert judge(PRIVILEGED | {"securityContext": {"privileged": False}}).nothing


@pytest.mark.parametrize("field", ["hostNetwork", "hostPID", "hostIPC"])
def test_a_namespace_of_the_host_is_refused(field: str) -> None:
    on: dict[str, Any] = {field: True}
    said = judge(ORDINARY, **on).only()
    assert said.startswith(f'DaemonSet "my-agent": found {field} true')
    off: dict[str, Any] = {field: False}
    assert judge(ORDINARY, **off).nothing


def test_daemon_sets_of_kube_system_are_parts_of_the_node() -> None:
    in_system = {"name": "aws-node", "namespace": "kube-system"}
    assert judge(metadata=in_system, hostNetwork=True).nothing
    assert judge(metadata=in_system, kind="Deployment").refusals
    assert judge(metadata={"name": "kube-system"}).refusals


@pytest.mark.parametrize(
    ("exempt", "allowed"),
    [
        (["DaemonSet/tools/agent"], True),
        (["*/tools/*"], True),
        (["Deployment/tools/agent", "DaemonSet/*/agent"], True),
        (["DaemonSet/tools/agent-2"], False),
        (["agent"], False),
    ],
)
def test_what_the_configuration_exempts(exempt: list[str], allowed: bool) -> None:
    assert judge(exempt=exempt, hostPID=True).nothing == allowed


def test_a_name_that_pulumi_makes_up() -> None:
    assert judge(metadata={}, exempt=["DaemonSet/default/my-agent"]).nothing


@pytest.mark.parametrize("kind", TYPES)
def test_every_kind_of_workload(kind: str) -> None:
    spec = pod(PRIVILEGED, initContainers=[PRIVILEGED], hostPID=True)
    said = check(POLICY, workload(kind, spec), resource_type=TYPES[kind])
    assert len(said.refusals) == 3
    patch = check(POLICY, workload(kind, spec), resource_type=f"{TYPES[kind]}Patch")
    assert len(patch.refusals) == 3


@pytest.mark.parametrize(
    ("given", "unknown"),
    [
        ({"hostNetwork": UNKNOWN}, "hostNetwork"),
        ({"container": ORDINARY | {"securityContext": UNKNOWN}}, "securityContext"),
        ({"metadata": {"name": "agent", "namespace": UNKNOWN}}, "namespace"),
    ],
)
def test_an_unknown_is_said_to_be_unchecked(given: dict[str, Any], unknown: str) -> None:
    said = judge(**({"container": ORDINARY} | given if "metadata" not in given else given))
    assert not said.refusals
    assert f"{unknown} can't be known" in said.unchecked[0]


def test_an_unknown_namespace_of_an_ordinary_workload_changes_nothing() -> None:
    assert judge(ORDINARY, metadata={"namespace": UNKNOWN}).nothing


def test_nothing_is_exempt_where_the_configuration_says_so() -> None:
    in_system = {"namespace": "kube-system", "name": "kube-proxy"}
    assert judge(metadata=in_system, hostNetwork=True).nothing
    assert judge(metadata=in_system, exempt=[], hostNetwork=True).refusals
