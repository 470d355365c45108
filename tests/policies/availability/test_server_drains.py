from typing import Any

import pytest
from pulumi_policy import PolicyResource

from policies.availability.server_drains import POLICY
from tests.policies.engine_group import (
    BUDGET,
    LABELS,
    LEADS,
    NETWORK_POLICY,
    WORKS,
    around,
    group,
    member,
    stack,
    template,
)
from tests.policies.engine_input import (
    IMAGE,
    TYPES,
    UNKNOWN,
    Said,
    check_stack,
    pod,
    resource,
    server,
    workload,
)

FLAGS = ["-tp=8", "--shutdown-timeout=120"]
HOOK = {"preStop": {"sleep": {"seconds": 15}}}
ONE_BY_ONE = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
KEPT = ["DaemonSet", "Deployment", "ReplicaSet", "ReplicationController", "StatefulSet"]


def props(
    *flags: Any,
    kind: str = "Deployment",
    grace: Any = 165,
    strategy: Any = ONE_BY_ONE,
    labels: Any = LABELS,
    **fields: Any,
) -> dict[str, Any]:
    container = server(*(flags or FLAGS), **{"lifecycle": HOOK, **fields})
    given = workload(kind, pod(container, terminationGracePeriodSeconds=grace))
    given["metadata"]["namespace"] = "serving"
    given["spec"]["template"]["metadata"] = {"labels": labels}
    given["spec"]["strategy"] = strategy
    return given


def judge(*flags: Any, more: list[PolicyResource] | None = None, **given: Any) -> Said:
    kind = given.get("kind", "Deployment")
    member_ = resource(TYPES[kind], "model-server", props(*flags, **given))
    return check_stack(POLICY, [member_, *([around(BUDGET)] if more is None else more)])


def of_group(leader: Any = None, worker: Any = None, **fields: Any) -> Said:
    given = group(leader, worker)
    given["spec"] |= fields
    return check_stack(POLICY, stack(given))


def test_the_components_are_allowed() -> None:
    assert judge().nothing
    assert of_group().nothing


@pytest.mark.parametrize("kind", KEPT)
def test_every_kind_that_keeps_servers_running(kind: str) -> None:
    assert judge(kind=kind).nothing
    said = judge("-tp=8", kind=kind, lifecycle=None, grace=None).refusals
    assert len(said) == 2
    assert all(kind in refusal for refusal in said)


@pytest.mark.parametrize("kind", ["CronJob", "Job", "Pod", "PodTemplate"])
def test_what_ends_by_itself_need_not_drain(kind: str) -> None:
    given = workload(kind, pod(server("-tp=8")))
    assert check_stack(POLICY, [resource(TYPES[kind], "moe", given)]).nothing


@pytest.mark.parametrize("limits", [{}, {"nvidia.com/gpu": "0"}, {"nvidia.com/gpu": None}])
def test_servers_without_gpus_are_nobodys_business(limits: dict[str, Any]) -> None:
    assert judge("-tp=1", resources={"limits": limits}, lifecycle=None, strategy=None).nothing


def test_other_containers_need_nothing() -> None:
    gpus = {"limits": {"nvidia.com/gpu": "1"}}
    given = workload("Deployment", pod({"name": "train", "image": "train:1", "resources": gpus}))
    assert check_stack(POLICY, [resource(TYPES["Deployment"], "moe", given)]).nothing
    given = workload("Deployment", pod(initContainers=[server("-tp=8")]))
    assert check_stack(POLICY, [resource(TYPES["Deployment"], "moe", given)]).nothing


@pytest.mark.parametrize(
    "hook",
    [
        {"sleep": {"seconds": 15}},
        {"sleep": {"seconds": "15"}},
        {"exec": {"command": ["sleep", "15"]}},
        {"exec": {"command": ["sh", "-c", "sleep 15"]}},
        {"exec": {"command": ["/bin/sh", "-c", "touch /tmp/gone; sleep 10s && sleep 5"]}},
    ],
)
def test_hooks_that_wait(hook: dict[str, Any]) -> None:
    assert judge(lifecycle={"preStop": hook}, grace=136).nothing
    said = judge(lifecycle={"preStop": hook}, grace=135).only()
    assert "found terminationGracePeriodSeconds 135; allowed: more than 135," in said
    assert "to 165" in said


@pytest.mark.parametrize(
    "lifecycle", [None, {}, {"postStart": HOOK["preStop"]}, {"preStop": {"sleep": {"seconds": 0}}}]
)
def test_no_hook_is_refused(lifecycle: Any) -> None:
    said = judge(lifecycle=lifecycle).only()
    assert said.startswith('Deployment "model-server", container "vllm": found ')
    assert "preStop hook" in said
    assert "allowed: a preStop hook that sleeps until endpoints have forgotten" in said


@pytest.mark.parametrize(
    "hook",
    [{"httpGet": {"path": "/drain"}}, {"exec": {"command": ["drain.sh"]}}, {"sleep": {}}, "15"],
)
def test_a_hook_whose_seconds_nobody_can_read_is_said_to_be_unchecked(hook: Any) -> None:
    said = judge(lifecycle={"preStop": hook})
    assert not said.refusals
    assert "preStop" in said.unchecked[0]


def test_a_server_that_aborts_what_runs_is_refused() -> None:
    said = judge("-tp=8").only()
    assert "found no --shutdown-timeout, so vLLM aborts what runs" in said
    assert "fix: add --shutdown-timeout, such as 120" in said


def test_nought_is_allowed_where_somebody_wrote_it() -> None:
    """Who writes it knows that nothing is finished; the settings want 10 s at the least."""
    assert judge("-tp=8", "--shutdown-timeout=0", grace=16).nothing


@pytest.mark.parametrize("flags", [["--shutdown-time", "120"], ["--shutdown_timeout=120"]])
def test_ways_to_write_the_timeout(flags: list[str]) -> None:
    assert judge("-tp=8", *flags).nothing
    assert judge("-tp=8", *flags, grace=60).refusals


@pytest.mark.parametrize("grace", [None, 30, "120", 135])
def test_a_grace_period_that_is_too_short_is_refused(grace: Any) -> None:
    said = judge(grace=grace).only()
    assert f"found terminationGracePeriodSeconds {grace or 30}; allowed: more than 135" in said
    assert "fix: set terminationGracePeriodSeconds of the pod to 165" in said


@pytest.mark.parametrize("surge", [None, 1, "25%", "1", "100%"])
def test_a_rollout_that_waits_for_gpus_is_refused(surge: Any) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge}}
    said = judge(strategy=strategy).only()
    assert said.startswith('Deployment "model-server": found maxSurge ')
    assert f"maxSurge {surge or '25%'} of servers with GPUs; allowed: 0" in said
    assert "fix: set spec.strategy.rollingUpdate.maxSurge to 0" in said


@pytest.mark.parametrize(
    "strategy", [{"type": "Recreate"}, {"rollingUpdate": {"maxSurge": "0%"}}, ONE_BY_ONE]
)
def test_rollouts_that_end_the_old_pod_first(strategy: Any) -> None:
    assert judge(strategy=strategy).nothing
    assert "maxSurge 25%" in judge(strategy=None).only()


def test_other_kinds_surge_only_when_they_are_told() -> None:
    surge = {"rollingUpdate": {"maxSurge": 1}}
    given = props(kind="DaemonSet", strategy=None)
    given["spec"]["updateStrategy"] = surge
    said = check_stack(POLICY, [resource(TYPES["DaemonSet"], "moe", given)]).only()
    assert "spec.updateStrategy.rollingUpdate.maxSurge to 0" in said
    said = of_group(rolloutStrategy={"rollingUpdateConfiguration": {"maxSurge": 1}}).only()
    assert "spec.rolloutStrategy.rollingUpdateConfiguration.maxSurge to 0" in said


@pytest.mark.parametrize(
    "more",
    [
        [],
        [around(NETWORK_POLICY)],
        [around(BUDGET, {"selector": {"matchLabels": {"app": "other"}}})],
        [around(BUDGET, {"maxUnavailable": 1})],
        [around(BUDGET, namespace="other")],
    ],
)
def test_pods_without_a_budget_are_refused(more: list[PolicyResource]) -> None:
    said = judge(more=more).only()
    assert said.startswith('Deployment "model-server": found servers with GPUs that no PodDis')
    assert judge(more=more, kind="DaemonSet").nothing


def test_a_budget_for_all_pods_of_the_namespace() -> None:
    assert judge(more=[around(BUDGET, {"selector": {}})]).nothing
    assert judge(more=[around(BUDGET, namespace=UNKNOWN)]).nothing


def test_both_pods_of_a_group_need_a_budget() -> None:
    said = check_stack(POLICY, stack(group(), around(NETWORK_POLICY)))
    assert ["leader" in refusal for refusal in said.refusals] == [True, False]
    only_leaders = group(worker=template(member(*WORKS, prestop_s=135), labels={"app": "w"}))
    assert "worker: found servers" in check_stack(POLICY, stack(only_leaders)).only()


@pytest.mark.parametrize("seconds", [15, 134])
def test_a_worker_that_ends_before_its_leader_is_refused(seconds: int) -> None:
    said = of_group(worker=member(*WORKS, prestop_s=seconds)).only()
    assert said.startswith('LeaderWorkerSet "model-server", worker, container "vllm": found ')
    assert f"found a preStop hook of {seconds} seconds of a worker; allowed: 135 or more" in said
    assert "to 135" in said


def test_a_worker_needs_no_timeout_but_the_grace_for_its_hook() -> None:
    worker = template(member(*WORKS, prestop_s=135), terminationGracePeriodSeconds=135)
    assert "allowed: more than 135" in of_group(worker=worker).only()


def test_a_leader_that_drains_longer_asks_more_of_its_workers() -> None:
    leader = member(*LEADS[:-1], "--shutdown-timeout=145")
    assert "160 or more" in of_group(template(leader, terminationGracePeriodSeconds=200)).only()


def test_a_deepspeed_mii_server_has_no_timeout_to_set() -> None:
    command = ["python", "-m", "mii.entrypoints.openai_api_server"]
    given: dict[str, Any] = {"command": command, "args": ["--tensor-parallel=8"]}
    assert judge(grace=30, **given).nothing
    assert "allowed: more than 15" in judge(grace=15, **given).only()
    assert "no preStop hook" in judge(lifecycle=None, **given).only()


def test_a_patch_may_leave_out_what_it_does_not_change() -> None:
    container = server("-tp=8", "--shutdown-timeout=60", image=IMAGE)
    given = workload("Deployment", pod(container))
    patch = f"{TYPES['Deployment']}Patch"
    assert check_stack(POLICY, [resource(patch, "moe", given)]).nothing
    given["spec"]["strategy"] = {"rollingUpdate": {"maxSurge": 1}}
    given["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 60
    assert len(check_stack(POLICY, [resource(patch, "moe", given)]).refusals) == 2


@pytest.mark.parametrize(
    ("given", "unknown"),
    [
        ({"lifecycle": UNKNOWN}, "lifecycle"),
        ({"lifecycle": {"preStop": {"sleep": {"seconds": UNKNOWN}}}}, "seconds"),
        ({"grace": UNKNOWN}, "terminationGracePeriodSeconds"),
        ({"strategy": UNKNOWN}, "strategy"),
        ({"strategy": {"rollingUpdate": {"maxSurge": UNKNOWN}}}, "maxSurge"),
        ({"labels": UNKNOWN}, "labels"),
        ({"resources": UNKNOWN}, "resources"),
    ],
)
def test_an_unknown_is_said_to_be_unchecked(given: dict[str, Any], unknown: str) -> None:
    said = judge(**given)
    assert not said.refusals
    assert f"{unknown} can't be known" in said.unchecked[0]


@pytest.mark.parametrize("flags", [["-tp=8", UNKNOWN], ["-tp=8", "--shutdown-timeout", UNKNOWN]])
def test_an_unknown_flag_is_said_to_be_unchecked(flags: list[str]) -> None:
    said = judge(*flags)
    assert not said.refusals
    assert "can't be known" in said.unchecked[0]
    assert judge(*flags, lifecycle=None).refusals


@pytest.mark.parametrize("text", ["long", "-5", "1.5"])
def test_a_timeout_that_is_no_number_is_said_to_be_unchecked(text: str) -> None:
    said = judge("-tp=8", f"--shutdown-timeout={text}")
    assert not said.refusals
    assert "--shutdown-timeout" in said.unchecked[0]
