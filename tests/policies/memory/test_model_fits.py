from typing import Any

import pytest
from pulumi_policy import PolicyResource

from policies.aws.node_groups import LAUNCH_TEMPLATE, NODE_GROUP
from policies.gpu import gpu_limits
from policies.memory.model_fits import POLICY
from tests.policies.engine_input import (
    DEPLOYMENT,
    MIXTRAL,
    MIXTRAL_LARGE,
    TYPES,
    UNKNOWN,
    Said,
    check,
    check_stack,
    deployment,
    pod,
    resource,
    server,
    workload,
)

SELECTOR = {"moe-serving/node": "gpu"}
TIGHT = ["-tp=8", "--max-model-len=32768"]


def group(
    *types: Any, name: str = "gpu", template: PolicyResource | None = None, **props: Any
) -> PolicyResource:
    dependencies = {"launchTemplate": [template]} if template else {}
    given = {"instanceTypes": list(types), "labels": SELECTOR, **props}
    return resource(NODE_GROUP, name, given, dependencies)


def fits(*groups: PolicyResource, config: Any = None, spec: Any = None, **given: Any) -> Said:
    flags = given.pop("flags", TIGHT)
    props = deployment(server(*flags, **given), **(spec or {}))
    workload = resource(DEPLOYMENT, "model-server", props)
    return check_stack(POLICY, [*groups, workload], config)


@pytest.mark.parametrize(
    ("model", "node"),
    [(MIXTRAL, "p4d.24xlarge"), (MIXTRAL, "p4de.24xlarge"), (MIXTRAL_LARGE, "p4de.24xlarge")],
)
def test_a_model_that_fits(model: str, node: str) -> None:
    assert fits(group(node), model=model).nothing


def test_a_model_that_does_not_fit_is_refused_with_need_have_and_what_would_fit() -> None:
    said = fits(group("p4d.24xlarge"), model=MIXTRAL_LARGE).only()
    assert said.startswith('Deployment "model-server", container "vllm": found ')
    assert f'{MIXTRAL_LARGE} on p4d.24xlarge of node group "gpu" with TP 8' in said
    assert "needs 43.4 GiB a GPU" in said
    assert "allowed: 36.2 GiB a GPU, at utilisation 0.92" in said
    assert "p4de.24xlarge with tensor_parallel_size 8" in said
    assert "2 nodes of p4d.24xlarge with tensor_parallel_size 8" in said


def test_fewer_gpus_do_not_hold_it() -> None:
    assert "with TP 2," in fits(group("p4d.24xlarge"), flags=["-tp=2"]).only()


@pytest.mark.parametrize(
    ("flags", "does_fit"),
    [
        (["-tp=8", "-pp=2", "--nnodes=2"], True),
        (["-tp=8", "-pp=2"], True),
        (["-tp=8"], False),
        (["-tp=4", "-dp=2", "-ep", "--enable-eplb"], False),
        (["-tp=8", "-ep", "--enable-eplb"], False),
    ],
)
def test_stages_and_ranks_count(flags: list[str], does_fit: bool) -> None:
    flags = [*flags, "--max-model-len=16384"]
    said = fits(group("p4d.24xlarge"), model=MIXTRAL_LARGE, flags=flags)
    assert said.nothing is does_fit


def test_each_data_parallel_rank_has_its_share_of_the_sequences() -> None:
    flags = ["-tp=4", "-dp=2", "-ep", "--max-model-len=32768"]
    said = fits(group("p4d.24xlarge"), flags=flags, config={"minSequences": 500}).only()
    assert "with TP 4 x DP 2 x EP 8" in said
    assert "KV cache of 250 x 32768 tokens" in said


def test_more_redundant_experts_leave_less_room() -> None:
    flags = ["-tp=8", "--max-model-len=32768", "-ep", "--enable-eplb"]
    assert fits(group("p4d.24xlarge"), flags=flags).nothing
    flags.append("--eplb-config.num_redundant_experts=16")
    assert fits(group("p4d.24xlarge"), flags=flags).refusals


@pytest.mark.parametrize("size", [2, "2"])
def test_a_group_of_pods_says_how_many_stages_there_are(size: object) -> None:
    flags = ["-tp=8", "-pp=$(LWS_GROUP_SIZE)", "--nnodes=$(LWS_GROUP_SIZE)"]
    props = workload(
        "LeaderWorkerSet", pod(server(*flags, "--max-model-len=16384", model=MIXTRAL_LARGE))
    )
    member = resource(TYPES["LeaderWorkerSet"], "moe", props)
    assert check_stack(POLICY, [group("p4d.24xlarge"), member]).refusals
    props["spec"]["leaderWorkerTemplate"]["size"] = size
    member = resource(TYPES["LeaderWorkerSet"], "moe", props)
    assert check_stack(POLICY, [group("p4d.24xlarge"), member]).nothing
    props["spec"]["leaderWorkerTemplate"]["size"] = UNKNOWN
    member = resource(TYPES["LeaderWorkerSet"], "moe", props)
    assert "LWS_GROUP_SIZE" in check_stack(POLICY, [group("p4d.24xlarge"), member]).unchecked[0]


def test_more_than_the_context_of_the_model_is_refused_in_the_words_of_the_settings() -> None:
    said = fits(group("p4de.24xlarge"), flags=["-tp=8", "--max-model-len=32769"]).only()
    assert "found --max-model-len 32769; allowed: up to 32768, the context of" in said
    assert fits(group("p4de.24xlarge"), flags=["-tp=8", "--max-model-len=32K"]).nothing


def test_a_layout_that_cannot_be_is_for_another_policy_to_refuse() -> None:
    assert fits(group("p4d.24xlarge"), flags=["-tp=3"]).nothing
    assert fits(group("p4d.24xlarge"), flags=["-tp=8", "-pp=33"]).nothing


def test_a_deepspeed_mii_server_has_to_fit_as_well() -> None:
    command = ["python", "-m", "mii.entrypoints.openai_api_server"]
    arguments = ["--model", MIXTRAL, "--tensor-parallel", "2", "--max-length", "32768"]
    assert "with TP 2," in fits(group("p4d.24xlarge"), command=command, args=arguments).only()
    arguments[3] = "8"
    assert fits(group("p4d.24xlarge"), command=command, args=arguments).nothing
    arguments[5] = "40k"
    said = fits(group("p4d.24xlarge"), command=command, args=arguments).only()
    assert "found --max-length 40000; allowed: up to 32768" in said


def test_the_length_defaults_to_the_context_of_the_model() -> None:
    said = fits(group("p4de.24xlarge"), model=MIXTRAL_LARGE, flags=["-tp=8"])
    assert said.nothing
    said = fits(
        group("p4de.24xlarge"), model=MIXTRAL_LARGE, flags=["-tp=8"], config={"minSequences": 30}
    )
    assert "30 x 65536 tokens" in said.only()


def test_the_utilisation_counts() -> None:
    flags = ["-tp=4", "--max-model-len=32768"]
    assert fits(group("p4d.24xlarge"), flags=flags).nothing
    assert fits(group("p4d.24xlarge"), flags=[*flags, "--gpu-memory-utilization=0.7"]).refusals


def test_the_number_of_sequences_can_be_configured() -> None:
    assert fits(group("p4d.24xlarge"), config={"minSequences": 1}).nothing
    assert fits(group("p4d.24xlarge"), config={"minSequences": 500}).refusals


def test_the_instance_type_may_come_from_the_launch_template() -> None:
    template = resource(LAUNCH_TEMPLATE, "gpu", {"id": UNKNOWN, "instanceType": "p4d.24xlarge"})
    nodes = group(template=template, launchTemplate={"id": UNKNOWN, "version": UNKNOWN})
    assert fits(template, nodes, model=MIXTRAL_LARGE).refusals


def test_every_node_group_that_the_pod_may_land_on_counts() -> None:
    small, large = group("p4d.24xlarge", name="small"), group("p4de.24xlarge", name="large")
    assert '"small"' in fits(small, large, model=MIXTRAL_LARGE).only()


@pytest.mark.parametrize(
    "selector",
    [
        {"size": "large"},
        {"node.kubernetes.io/instance-type": "p4de.24xlarge"},
        {"eks.amazonaws.com/nodegroup": "large"},
    ],
)
def test_a_node_selector_rules_groups_out(selector: dict[str, str]) -> None:
    small = group("p4d.24xlarge", name="small", labels={"size": "small"}, nodeGroupName="small")
    large = group("p4de.24xlarge", name="large", labels={"size": "large"}, nodeGroupName="large")
    spec = {"nodeSelector": selector}
    assert fits(small, large, model=MIXTRAL_LARGE, spec=spec).nothing
    assert fits(small, model=MIXTRAL_LARGE, spec=spec).unchecked


@pytest.mark.parametrize("labels", [UNKNOWN, {"size": UNKNOWN}])
def test_labels_that_are_not_known_rule_nothing_out(labels: object) -> None:
    said = fits(
        group("p4d.24xlarge", labels=labels),
        model=MIXTRAL_LARGE,
        spec={"nodeSelector": {"size": "x"}},
    )
    assert said.refusals


def test_a_label_that_the_operator_sets_rules_nothing_out() -> None:
    spec = {"nodeSelector": {"nvidia.com/gpu.product": "A100"}}
    assert fits(group("p4d.24xlarge"), model=MIXTRAL_LARGE, spec=spec).refusals


def test_system_nodes_do_not_count() -> None:
    system = group("m6i.xlarge", name="system", labels={})
    assert fits(system, group("p4d.24xlarge")).nothing


def test_without_gpu_nodes_it_says_so() -> None:
    assert "no GPU nodes" in fits(group("m6i.xlarge")).unchecked[0]
    assert "no GPU nodes" in fits().unchecked[0]


def test_a_gpu_type_that_the_catalogue_lacks_is_said_to_be_unchecked() -> None:
    said = fits(group("p4d.24xlarge"), group("p5.48xlarge", name="new"))
    assert not said.refusals
    assert said.unchecked == ['NodeGroup "new": p5.48xlarge, which is not in the catalogue']


@pytest.mark.parametrize(
    "flags",
    [["--prefill-context-parallel-size=2"], ["--quantization", "awq"], ["--dtype=float32"]],
)
def test_what_the_formula_does_not_cover_is_said_to_be_unchecked(flags: list[str]) -> None:
    said = fits(group("p4d.24xlarge"), model=MIXTRAL_LARGE, flags=["-tp=8", *flags])
    assert "formula" in said.unchecked[0]


@pytest.mark.parametrize("text", ["auto", "-1", "long", "$(LEN)"])
def test_a_length_that_is_no_number_is_refused(text: str) -> None:
    said = fits(group("p4d.24xlarge"), flags=["-tp=8", f"--max-model-len={text}"]).only()
    assert f"--max-model-len {text}" in said


@pytest.mark.parametrize("flags", [["-tp=all"], ["-tp=8", "--gpu-memory-utilization=95"]])
def test_what_other_policies_refuse_is_said_to_be_unchecked(flags: list[str]) -> None:
    said = fits(group("p4d.24xlarge"), flags=flags)
    assert not said.refusals
    assert said.unchecked


def test_a_model_that_the_catalogue_lacks_is_nobodys_business() -> None:
    assert fits(group("p4d.24xlarge"), model="facebook/opt-125m").nothing


@pytest.mark.parametrize(
    ("nodes", "server_fields", "unknown"),
    [
        (group(UNKNOWN), {}, "instanceTypes.0"),
        (group(instanceTypes=UNKNOWN), {}, "instanceTypes"),
        (group("p4d.24xlarge"), {"flags": ["-tp", UNKNOWN]}, "args.2"),
        (group("p4d.24xlarge"), {"model": UNKNOWN}, "args.0"),
        (group("p4d.24xlarge"), {"spec": {"nodeSelector": UNKNOWN}}, "nodeSelector"),
    ],
)
def test_an_unknown_is_said_to_be_unchecked(
    nodes: PolicyResource, server_fields: dict[str, Any], unknown: str
) -> None:
    said = fits(nodes, **server_fields)
    assert not said.refusals
    assert f"{unknown} can't be known" in said.unchecked[0]


def test_an_unknown_group_does_not_hide_another() -> None:
    said = fits(group(UNKNOWN, name="new"), group("p4d.24xlarge"), model=MIXTRAL_LARGE)
    assert len(said.refusals) == len(said.unchecked) == 1


@pytest.mark.parametrize("kind", TYPES)
def test_every_kind_of_workload(kind: str) -> None:
    large = server(*TIGHT, model=MIXTRAL_LARGE)
    props = workload(kind, pod(large, initContainers=[large], ephemeralContainers=[large]))
    said = check_stack(POLICY, [group("p4d.24xlarge"), resource(TYPES[kind], "moe", props)])
    assert len(said.refusals) == 2
    assert all(f'{kind} "moe"' in refusal for refusal in said.refusals)


@pytest.mark.parametrize("types", [None, "p4d.24xlarge", {"a": 1}, [None, 7, []]])
def test_odd_instance_types(types: object) -> None:
    assert fits(group(instanceTypes=types)).unchecked


def test_without_outputs_the_inputs_that_resource_policies_saw_count() -> None:
    """As in a first preview, where the cluster's provider is not configured."""
    large = deployment(server(*TIGHT, model=MIXTRAL_LARGE))
    check(gpu_limits.POLICY, large, name="unconfigured")
    nodes = group("p4d.24xlarge")
    said = check_stack(POLICY, [nodes, resource(DEPLOYMENT, "unconfigured", {})])
    assert 'Deployment "unconfigured"' in said.only()


def test_without_any_properties_it_says_so() -> None:
    said = check_stack(POLICY, [group("p4d.24xlarge"), resource(DEPLOYMENT, "never-seen", {})])
    assert said.unchecked == ['Deployment "never-seen": the engine gave none of its properties']
