from typing import Any

import pytest
from pulumi_policy import PolicyResource

from catalog import efa_image
from policies.network.engine_across_nodes import POLICY
from tests.policies.efa_stack import Stack
from tests.policies.engine_group import (
    AMOUNTS,
    BUDGET,
    EFA,
    LABELS,
    LEADS,
    NETWORK_POLICY,
    OWN_IMAGE,
    SIZES,
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
from tests.policies.network.test_efa_used import STOCK_IMAGES


def judge(leader: Any = None, worker: Any = None, *more: PolicyResource, **of_group: Any) -> Said:
    return check_stack(POLICY, stack(group(leader, worker, **of_group), *more))


def of_leader(said: Said) -> str:
    refusal = said.only()
    assert refusal.startswith('LeaderWorkerSet "model-server", leader, container "vllm": found ')
    return refusal


def of_worker(said: Said) -> str:
    refusal = said.only()
    assert refusal.startswith('LeaderWorkerSet "model-server", worker, container "vllm": found ')
    return refusal


def limits(**changed: Any) -> dict[str, Any]:
    amounts = {**AMOUNTS, **changed}
    return {"limits": amounts, "requests": amounts}


def test_the_components_are_allowed() -> None:
    assert judge().nothing


def test_sizes_may_be_the_groups_own_variable() -> None:
    flags = ["-tp=8", "-pp", "$(LWS_GROUP_SIZE)", "--nnodes=$(LWS_GROUP_SIZE)", "-r=1"]
    assert judge(member(*flags), member(*flags, "--headless")).nothing


@pytest.mark.parametrize(
    "flags",
    [
        ["-tp=8"],
        ["-tp=4", "-pp=2"],
        ["-tp=4", "-dp=2", "-ep"],
        ["-tp=8", "--nnodes=1"],
        ["-tp=8", "--kv-transfer-config={}"],
    ],
)
@pytest.mark.parametrize("kind", TYPES)
def test_an_engine_in_one_pod_needs_nothing_of_it(kind: str, flags: list[str]) -> None:
    props = workload(kind, pod(server(*flags)))
    assert check_stack(POLICY, [resource(TYPES[kind], "moe", props)]).nothing


@pytest.mark.parametrize(
    "flags",
    [
        SIZES,
        ["-tp=16", "-n", "2"],
        ["-tp=8", "-pp=2", "--distributed-executor-backend=ray"],
        ["-tp=8", "-dp=2", "--data-parallel-size-local=1", "-ep"],
        ["-tp=8", "-dp=2", "-dpn=1", "-ep"],
    ],
)
@pytest.mark.parametrize("kind", sorted(set(TYPES) - {"LeaderWorkerSet"}))
def test_other_kinds_of_workload_with_one_are_looked_at(kind: str, flags: list[str]) -> None:
    props = workload(kind, pod(server(*flags)))
    said = check_stack(POLICY, [*Stack().resources, resource(TYPES[kind], "moe", props)])
    assert len(said.refusals) == 5
    assert all(kind in refusal for refusal in said.refusals)


def test_a_patch_may_leave_out_what_it_does_not_change() -> None:
    patch = f"{TYPES['Deployment']}Patch"
    container = {"name": "vllm", "args": ["m", *SIZES]}
    props = workload("Deployment", pod(container))
    assert check_stack(POLICY, [resource(patch, "moe", props)]).nothing
    props = workload("Deployment", pod(container | {"image": IMAGE}))
    assert check_stack(POLICY, [resource(patch, "moe", props)]).refusals


@pytest.mark.parametrize("image", STOCK_IMAGES)
def test_the_stock_image_is_refused_in_the_words_of_the_settings(image: str) -> None:
    said = judge(member(*LEADS, image=image), member(*WORKS, image=image))
    assert len(said.refusals) == 2
    assert f"found image {image} of an engine across nodes" in said.refusals[0]
    assert f"allowed: {efa_image.ALLOWED}" in said.refusals[0]


@pytest.mark.parametrize("version", ["1.29.0", "1.51.0", "2.0"])
def test_a_new_installer_is_allowed(version: str) -> None:
    annotations = {efa_image.INSTALLER_ANNOTATION: version}
    assert judge(template(member(*LEADS), annotations=annotations)).nothing


@pytest.mark.parametrize("version", ["1.28.9", "latest", "", None, 1.28])
def test_another_installer_is_refused_in_the_words_of_the_settings(version: Any) -> None:
    annotations = {efa_image.INSTALLER_ANNOTATION: version}
    said = of_leader(judge(template(member(*LEADS), annotations=annotations)))
    assert "found annotation moe-serving/efa-installer" in said
    assert "allowed: 1.29.0 or later, the EFA installer in the image" in said


def test_no_annotation_is_refused() -> None:
    said = of_leader(judge(template(member(*LEADS), annotations={})))
    assert "found annotation moe-serving/efa-installer nothing of the pod" in said


@pytest.mark.parametrize("amount", [None, "0", "all", [4]])
def test_no_interfaces_are_refused(amount: Any) -> None:
    said = of_leader(judge(member(*LEADS, resources=limits(**{EFA: amount}))))
    assert f"found limit {EFA} " in said
    assert "allowed: 4, all EFA interfaces of p4d.24xlarge" in said


@pytest.mark.parametrize("amount", ["1", 3, "8"])
def test_another_number_of_interfaces_is_refused(amount: Any) -> None:
    said = of_leader(judge(member(*LEADS, resources=limits(**{EFA: amount}))))
    assert f"found limit {EFA} {amount}; allowed: 4, all EFA interfaces of" in said


def test_without_nodes_in_the_stack_any_number_is_allowed() -> None:
    container = member(*LEADS, resources=limits(**{EFA: "32"}))
    engine = resource(TYPES["LeaderWorkerSet"], "moe", group(container))
    assert check_stack(POLICY, [engine, around(NETWORK_POLICY)]).nothing


@pytest.mark.parametrize("pages", [None, "0"])
def test_no_huge_pages_are_refused(pages: Any) -> None:
    said = of_leader(judge(member(*LEADS, resources=limits(**{"hugepages-2Mi": pages}))))
    assert "found limit hugepages-2Mi" in said
    assert "such as 5120Mi" in said


@pytest.mark.parametrize("name", [EFA, "hugepages-2Mi"])
def test_a_request_equals_its_limit(name: str) -> None:
    resources = {"limits": AMOUNTS, "requests": {name: "1"}}
    said = of_leader(judge(member(*LEADS, resources=resources)))
    assert f"found request {name} 1; allowed: {AMOUNTS[name]}, its limit" in said
    assert judge(member(*LEADS, resources={"limits": AMOUNTS})).nothing


@pytest.mark.parametrize(
    "spec",
    [
        {"podSelector": {}},
        {},
        {"podSelector": {"matchLabels": LABELS}, "policyTypes": ["Egress", "Ingress"]},
        {"podSelector": {"matchLabels": {"leaderworkerset.sigs.k8s.io/name": "moe"}}},
        {"ingress": [{"from": [{"podSelector": {}}]}, {"ports": [{"port": 8000}]}]},
        {"podSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}},
    ],
)
def test_a_network_policy_that_selects_the_pods(spec: dict[str, Any]) -> None:
    assert judge(None, None, around(NETWORK_POLICY, spec)).nothing


@pytest.mark.parametrize(
    "others",
    [
        [around(BUDGET)],
        [around(NETWORK_POLICY, {"podSelector": {"matchLabels": {"app": "other"}}})],
        [around(NETWORK_POLICY, {"podSelector": {"matchLabels": LABELS | {"x": "y"}}})],
        [around(NETWORK_POLICY, {"podSelector": {}, "policyTypes": ["Egress"]})],
        [around(NETWORK_POLICY, {"podSelector": {}, "ingress": [{}]})],
        [around(NETWORK_POLICY, namespace="other")],
        [around(NETWORK_POLICY, namespace=None)],
    ],
)
def test_pods_that_no_network_policy_protects_are_refused(others: list[PolicyResource]) -> None:
    said = judge(None, None, *others)
    assert len(said.refusals) == 2
    assert "no NetworkPolicy of the stack protects" in said.refusals[0]
    assert "neither encrypted nor authenticated" in said.refusals[0]


def test_an_unknown_namespace_rules_no_network_policy_out() -> None:
    """As in a first preview, where the namespace does not exist yet."""
    assert judge(None, None, around(NETWORK_POLICY, namespace=UNKNOWN)).nothing


def test_an_unknown_network_policy_counts_only_where_no_other_selects() -> None:
    unclear = around(NETWORK_POLICY, {"podSelector": {"matchLabels": {"app": UNKNOWN}}})
    assert judge(None, None, unclear, around(NETWORK_POLICY)).nothing
    said = judge(None, None, unclear)
    assert not said.refusals
    assert "app can't be known" in said.unchecked[0]
    nothing = resource(NETWORK_POLICY, "hidden", {})
    assert 'NetworkPolicy "hidden"' in judge(None, None, nothing).unchecked[0]


@pytest.mark.parametrize("policy", [None, "RecreateGroupOnPodRestart", "RecreateGroupAfterStart"])
def test_restart_policies_that_recreate_the_group(policy: str | None) -> None:
    assert judge(restartPolicy=policy).nothing


@pytest.mark.parametrize("policy", ["None", "Default", 7])
def test_other_restart_policies_are_refused(policy: object) -> None:
    said = judge(restartPolicy=policy).only()
    assert said.startswith(f'LeaderWorkerSet "model-server": found restartPolicy {policy} of')
    assert "allowed: RecreateGroupOnPodRestart" in said


@pytest.mark.parametrize("size", [3, "4", 1, None])
def test_a_size_that_is_not_the_number_of_nodes_is_refused(size: object) -> None:
    said = of_leader(judge(size=size))
    assert f"found an engine on 2 pods in groups of size {size or 1}" in said
    assert "allowed: a --nnodes that equals spec.leaderWorkerTemplate.size" in said


def test_data_parallel_ranks_may_be_in_several_pods_too() -> None:
    flags = ["-tp=8", "-dp=2", "-dpl=1", "-ep"]
    assert judge(member(*flags), member(*flags, "--headless")).nothing
    of_leader(judge(member(*flags), member(*flags, "--headless"), size=4))
    everywhere = [*flags[:2], "--data-parallel-external-lb"]
    assert judge(member(*everywhere), member(*everywhere)).nothing


def test_pods_that_would_be_engines_of_their_own_are_refused() -> None:
    flags = ["-tp=8"]
    said = of_leader(judge(member(*flags), member(*flags, "--headless")))
    assert "found an engine on 1 pods in groups of size 2" in said


def test_ray_says_itself_who_works() -> None:
    leads = [*SIZES[:2], "--distributed-executor-backend=ray"]
    worker = {"name": "ray", "command": ["ray", "start", "--address=$(LWS_LEADER_ADDRESS)"]}
    assert judge(member(*leads), worker).nothing


def test_one_template_for_all_is_refused() -> None:
    props = group()
    del props["spec"]["leaderWorkerTemplate"]["leaderTemplate"]
    assert "found one template for the leader and" in check_stack(POLICY, stack(props)).only()


def test_a_headless_leader_is_refused() -> None:
    assert "found --headless of a leader" in of_leader(judge(member(*LEADS, "--headless")))


@pytest.mark.parametrize("more", [[], ["--no-headless"]])
def test_a_worker_that_answers_is_refused(more: list[str]) -> None:
    said = of_worker(judge(None, member(*SIZES, *more)))
    assert "found a worker without --headless" in said


@pytest.mark.parametrize("rank", [[], ["-r=0"], ["--node-rank", "0"]])
def test_a_worker_with_the_rank_of_the_leader_is_refused(rank: list[str]) -> None:
    said = of_worker(judge(None, member(*SIZES[:3], *rank, "--headless")))
    assert "of a worker; allowed: its index in the group" in said


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        (["-tp=4", "-pp=2", "--nnodes=2"], "--tensor-parallel-size 4 of a worker; allowed: 8"),
        (["-tp=8", "--nnodes=2"], "--pipeline-parallel-size nothing of a worker; allowed: 2"),
        (["-tp=8", "-pp=2", "--nnodes=3"], "--nnodes 3 of a worker; allowed: 2, as its leader"),
        ([*SIZES[:3], "-ep"], "--enable-expert-parallel true of a worker; allowed: nothing"),
    ],
)
def test_a_worker_with_other_sizes_is_refused(flags: list[str], found: str) -> None:
    assert found in of_worker(judge(None, member(*flags, "--node-rank=1", "--headless")))


def test_a_worker_with_another_image_is_refused() -> None:
    other = OWN_IMAGE.replace("vllm-efa", "vllm-efa-old")
    said = of_worker(judge(None, member(*WORKS, image=other)))
    assert f"found image {other} of a worker; allowed: {OWN_IMAGE}, as its leader has" in said


@pytest.mark.parametrize(
    ("leader", "worker", "of_group", "unknown"),
    [
        (member(*LEADS, image=UNKNOWN), None, {}, "image"),
        (member(*LEADS, resources=UNKNOWN), None, {}, "resources"),
        (member(*LEADS, resources=limits(**{EFA: UNKNOWN})), None, {}, EFA),
        (template(member(*LEADS), annotations=UNKNOWN), None, {}, "annotations"),
        (template(member(*LEADS), labels={"app": UNKNOWN}), None, {}, "labels.app"),
        (member(*SIZES[:2], "--nnodes", UNKNOWN), None, {}, "args.4"),
        (None, member(*SIZES, UNKNOWN), {}, "args.5"),
        (None, None, {"size": UNKNOWN}, "size"),
        (None, None, {"restartPolicy": UNKNOWN}, "restartPolicy"),
        (None, None, {"workerTemplate": UNKNOWN}, "workerTemplate"),
    ],
)
def test_an_unknown_is_said_to_be_unchecked(
    leader: Any, worker: Any, of_group: dict[str, Any], unknown: str
) -> None:
    said = judge(leader, worker, **of_group)
    assert not said.refusals
    assert any(f"{unknown} can't be known" in note for note in said.unchecked)
    assert len(set(said.unchecked)) == len(said.unchecked)


def test_an_unknown_beside_does_not_hide_a_violation() -> None:
    said = judge(member(*LEADS, UNKNOWN, image=IMAGE), member(*WORKS, image=IMAGE))
    assert len(said.refusals) == 2


def test_other_containers_and_deepspeed_mii_need_none_of_it() -> None:
    sidecar = {"name": "exporter", "image": "exporter:1"}
    mii = {"name": "mii", "image": "deepspeed-mii", "args": ["--tensor-parallel=8"]}
    props = workload("LeaderWorkerSet", pod(sidecar, mii))
    props["spec"]["leaderWorkerTemplate"]["size"] = 2
    assert check_stack(POLICY, [resource(TYPES["LeaderWorkerSet"], "moe", props)]).nothing
