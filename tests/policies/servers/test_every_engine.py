"""The policies of LLM servers on each engine: nothing of good ones, and its own words of bad."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from pulumi_policy import ResourceValidationPolicy

from policies.availability import server_drains, startup_budget
from policies.gpu import gpu_limits, gpu_taints_tolerated, server_layout
from policies.memory import (
    gpu_memory_headroom,
    gpu_memory_utilization,
    memory_limit,
    model_fits,
    shared_memory,
)
from policies.network import engine_across_nodes
from tests.policies.efa_stack import GPU_TAINT
from tests.policies.engine_group import BUDGET, EFA, LABELS, NETWORK_POLICY, around
from tests.policies.engine_input import (
    DEPLOYMENT,
    GPU,
    MIXTRAL_LARGE,
    TYPES,
    UNKNOWN,
    Said,
    check,
    check_stack,
    pod,
    resource,
    workload,
)
from tests.policies.engine_servers import sglang, tensorrt_llm, tgi, triton
from tests.policies.memory.test_model_fits import group as gpu_nodes

RESOURCE_POLICIES = (
    gpu_limits,
    gpu_memory_utilization,
    memory_limit,
    server_layout,
    shared_memory,
    startup_budget,
)
STACK_POLICIES = (
    engine_across_nodes,
    gpu_memory_headroom,
    gpu_taints_tolerated,
    model_fits,
    server_drains,
)
HEALTH = {"httpGet": {"path": "/health", "port": 8000}, "periodSeconds": 10}
FIELDS = {
    "livenessProbe": HEALTH,
    "startupProbe": {**HEALTH, "failureThreshold": 180},
    "lifecycle": {"preStop": {"sleep": {"seconds": 15}}},
}
ONE_BY_ONE = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}

GOOD: dict[str, dict[str, Any]] = {
    "TGI": tgi("--num-shard=8", "--max-total-tokens=32768", "--max-input-tokens=32000", **FIELDS),
    "TGI, all GPUs": tgi(**FIELDS),
    "SGLang": sglang("--tp=8", "--mem-fraction-static=0.85", **FIELDS),
    "SGLang, its own share": sglang("--tp=8", **FIELDS),
    "SGLang, experts": sglang("--tp=8", "--ep=8", "--enable-eplb", **FIELDS),
    "SGLang, copies": sglang("--tp=4", "--dp=2", **FIELDS),
    "TensorRT-LLM": tensorrt_llm("--tp_size=8", "--max_seq_len=16384", **FIELDS),
    "TensorRT-LLM, experts": tensorrt_llm("--tp_size=8", "--ep_size=8", **FIELDS),
    "Triton": triton("mpirun", "-n", "8", "tritonserver", **FIELDS),
    "Triton, its repository": triton(**FIELDS),
}


def deployment(container: Any, kind: str = "Deployment") -> dict[str, Any]:
    props = workload(kind, pod(container, terminationGracePeriodSeconds=165))
    props["metadata"]["namespace"] = "serving"
    props["spec"]["template"]["metadata"] = {"labels": LABELS}
    props["spec"]["strategy"] = ONE_BY_ONE
    return props


def judge(container: Any) -> Said:
    """What all of these policies say."""
    props = deployment(container)
    stack = [gpu_nodes("p4d.24xlarge"), resource(DEPLOYMENT, "model-server", props), around(BUDGET)]
    said = [check(module.POLICY, props) for module in RESOURCE_POLICIES]
    said += [check_stack(module.POLICY, stack) for module in STACK_POLICIES]
    return Said(
        [refusal for each in said for refusal in each.refusals],
        [note for each in said for note in each.unchecked],
    )


@pytest.mark.parametrize("container", GOOD.values(), ids=GOOD)
def test_good_servers_are_left_alone(container: dict[str, Any]) -> None:
    assert judge(container).nothing


@pytest.mark.parametrize(
    ("container", "found"),
    [
        (
            tgi("--num-shard=4", **FIELDS),
            f"found limit {GPU} 8; allowed: 4, as many as its processes take (--num-shard 4)",
        ),
        (tgi("--sharded=false", model="my/model", **FIELDS), "(--sharded false)"),
        (
            sglang("--tp=4", **FIELDS),
            f"found limit {GPU} 8; allowed: 4, as many as its processes take (--tp-size 4)",
        ),
        (tensorrt_llm("--tp_size=4", **FIELDS), "(--tp_size 4)"),
        (triton("mpirun", "-n", "4", "tritonserver", **FIELDS), "(4 processes of mpirun)"),
        (
            tgi("--num-shard=8", "--cuda-memory-fraction=0.4", model="my/model", **FIELDS),
            "found --cuda-memory-fraction 0.4; allowed: 0.5 to 1;"
            " fix: set --cuda-memory-fraction to a number in this range",
        ),
        (
            sglang("--tp=8", "--mem-fraction-static=0.93", **FIELDS),
            "found --mem-fraction-static 0.93; allowed: up to 0.9: 3.7 GiB of a GPU",
        ),
        (
            tensorrt_llm("--tp_size=8", "--kv_cache_free_gpu_memory_fraction=0.99", **FIELDS),
            "found --kv_cache_free_gpu_memory_fraction 0.99; allowed: 0.5 to 0.95;",
        ),
        (tgi(memory="32Gi", **FIELDS), "found memory limit 32Gi; allowed: 135Gi or more"),
        (triton(memory=None, **FIELDS), "found memory limit nothing; allowed: a quantity"),
        (tgi(**FIELDS | {"volumeMounts": []}), "found no volume at /dev/shm"),
        (triton(**FIELDS | {"volumeMounts": []}), "found no volume at /dev/shm"),
        (sglang("--tp=8", **FIELDS | {"lifecycle": None}), "found no preStop hook"),
        (
            tensorrt_llm("--tp_size=8", **FIELDS | {"startupProbe": None}),
            "found a liveness probe without a startup probe",
        ),
    ],
)
def test_bad_ones_are_refused_in_the_words_of_their_engine(
    container: dict[str, Any], found: str
) -> None:
    said = judge(container).only()
    assert found in said
    assert not re.search(r"vllm|gpu-memory-utilization|tensor-parallel-size", said.split('"')[-1])


@pytest.mark.parametrize("make", [tgi, triton])
def test_one_that_takes_all_gpus_needs_a_limit_of_them(make: Callable[..., Any]) -> None:
    said = judge(make(gpus=None, **FIELDS))
    assert f"found limit {GPU} nothing; allowed: a whole number of at least 1;" in said.refusals[0]
    assert len(said.refusals) == 1


@pytest.mark.parametrize(
    ("container", "found"),
    [
        (tgi("--num-shard=3", gpus="3", **FIELDS), "--num-shard 3; allowed: 1, 2, 4, 8, which"),
        (tgi(gpus="6", **FIELDS), "--num-shard 6; allowed: 1, 2, 4, 8, which divide the 32"),
        (
            tgi("--num-shard=16", gpus="16", **FIELDS),
            "--num-shard 16; allowed: 1, 2, 4, 8, which divide the 8 key and value heads of",
        ),
        (sglang("--tp=3", gpus="3", **FIELDS), "--tp-size 3; allowed: 1, 2, 4, 8"),
        (sglang("--tp=1", "--pp-size=40", gpus="40", **FIELDS), "--pp-size 40; allowed: up to 32"),
        (tensorrt_llm("--tp_size=6", gpus="6", **FIELDS), "--tp_size 6; allowed: 1, 2, 4, 8"),
        (
            sglang("--tp=8", "--ep=8", "--ep-num-redundant-experts=3", **FIELDS),
            "--ep-num-redundant-experts 3; allowed: 0, 8, 16, ...: 8 ranks share the 8 experts",
        ),
        (
            tensorrt_llm("--tp_size=16", "--ep_size=16", gpus="16", **FIELDS),
            "--ep_size 16; allowed: a number that divides the 8 experts of",
        ),
    ],
)
def test_a_cut_that_the_engine_cannot_make(container: dict[str, Any], found: str) -> None:
    said = check(server_layout.POLICY, deployment(container)).only()
    assert found in said
    assert "eplb" not in said.lower()


@pytest.mark.parametrize(
    "container",
    [
        # Others than vLLM balance no architecture, and serve all; SGLang copies heads.
        sglang("--tp=8", "--ep=8", model="databricks/dbrx-instruct", **FIELDS),
        tensorrt_llm("--tp_size=8", "--ep_size=8", model="databricks/dbrx-instruct", **FIELDS),
        sglang("--tp=16", "--nnodes=2", **FIELDS),
    ],
)
def test_cuts_that_other_engines_can_make(container: dict[str, Any]) -> None:
    assert check(server_layout.POLICY, deployment(container)).nothing


@pytest.mark.parametrize(
    "container",
    [
        sglang("--tp=8", "--ep=4", **FIELDS),
        tensorrt_llm("--tp_size=4", "--cp_size=2", **FIELDS),
    ],
)
def test_a_cut_that_the_catalogue_lacks_is_said_to_be_unchecked(container: dict[str, Any]) -> None:
    said = judge(container)
    assert not said.refusals
    assert len(said.unchecked) == 2


@pytest.mark.parametrize(
    ("container", "share"),
    [
        (
            tgi("--max-total-tokens=32768", model=MIXTRAL_LARGE, **FIELDS),
            "--cuda-memory-fraction 1",
        ),
        (
            sglang("--tp=8", "--mem-fraction-static=0.8", model=MIXTRAL_LARGE, **FIELDS),
            "--mem-fraction-static 0.8",
        ),
        (
            sglang("--tp=8", model=MIXTRAL_LARGE, **FIELDS),
            "most of its memory, where SGLang chooses --mem-fraction-static itself",
        ),
        (
            tensorrt_llm("--tp_size=8", model=MIXTRAL_LARGE, **FIELDS),
            "--kv_cache_free_gpu_memory_fraction 0.9",
        ),
    ],
)
def test_a_model_that_does_not_fit(container: dict[str, Any], share: str) -> None:
    props = resource(DEPLOYMENT, "model-server", deployment(container))
    said = check_stack(model_fits.POLICY, [gpu_nodes("p4d.24xlarge"), props]).only()
    assert "p4d.24xlarge" in said
    assert f"GiB a GPU, at {share}; fix: " in said
    assert ("2 nodes" in said) is (container["name"] != "tgi")
    assert check_stack(model_fits.POLICY, [gpu_nodes("p4de.24xlarge"), props]).nothing


def test_tgi_takes_no_longer_sequences_than_it_is_told() -> None:
    """Its own limit is 4096 tokens, whatever the model can."""

    def judge_fit(*flags: str) -> Said:
        container = tgi("--num-shard=4", *flags, gpus="4", **FIELDS)
        members = [resource(DEPLOYMENT, "model-server", deployment(container))]
        stack = [gpu_nodes("p4d.24xlarge"), *members]
        return check_stack(model_fits.POLICY, stack, {"minSequences": 16})

    assert judge_fit().nothing
    assert "KV cache of 16 x 32768 tokens" in judge_fit("--max-total-tokens=32768").only()


def test_tgi_goes_on_for_ninety_seconds() -> None:
    props = deployment(tgi(**FIELDS))
    props["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 60
    said = check_stack(
        server_drains.POLICY, [resource(DEPLOYMENT, "model-server", props), around(BUDGET)]
    ).only()
    assert "found terminationGracePeriodSeconds 60; allowed: more than 105" in said


def group_of(container: Any, size: int, efa: bool) -> list[Any]:
    amounts = {EFA: "4", "hugepages-2Mi": "5120Mi"} if efa else {}
    limits = {**container["resources"]["limits"], **amounts}
    container = {**container, "resources": {"limits": limits, "requests": limits}}
    template = {
        "metadata": {
            "labels": LABELS,
            "annotations": {"moe-serving/efa-installer": "1.51.0"} if efa else {},
        },
        "spec": pod(container),
    }
    worker = {"size": size, "workerTemplate": template}
    props = {
        "kind": "LeaderWorkerSet",
        "metadata": {"name": "moe", "namespace": "serving"},
        "spec": {"leaderWorkerTemplate": worker},
    }
    return [resource(TYPES["LeaderWorkerSet"], "moe", props), around(NETWORK_POLICY)]


ACROSS = [
    sglang("--tp=16", "--nnodes=2", "--node-rank=$(LWS_WORKER_INDEX)", **FIELDS),
    tensorrt_llm("--tp_size=16", "--gpus_per_node=8", **FIELDS),
]


@pytest.mark.parametrize("container", ACROSS, ids=["SGLang", "TensorRT-LLM"])
def test_engines_across_nodes(container: dict[str, Any]) -> None:
    assert check_stack(engine_across_nodes.POLICY, group_of(container, 2, efa=True)).nothing
    said = check_stack(engine_across_nodes.POLICY, group_of(container, 2, efa=False))
    found = [refusal.partition("found ")[2].split()[1] for refusal in said.refusals]
    assert sorted(found) == sorted(["moe-serving/efa-installer", EFA, "hugepages-2Mi"])
    assert not any("Dockerfile.efa" in refusal for refusal in said.refusals)


def test_as_many_nodes_as_pods() -> None:
    said = check_stack(engine_across_nodes.POLICY, group_of(ACROSS[0], 3, efa=True)).only()
    assert "found an engine on 2 pods in groups of size 3" in said


@pytest.mark.parametrize("make", [tgi, sglang, tensorrt_llm, triton])
@pytest.mark.parametrize("policy", [m.POLICY for m in RESOURCE_POLICIES], ids=lambda p: p.name)
def test_unknowns_are_said_to_be_unchecked_or_do_not_matter(
    policy: ResourceValidationPolicy, make: Callable[..., Any]
) -> None:
    for container in (
        make(gpus=UNKNOWN, **FIELDS),
        make(memory=UNKNOWN, **FIELDS),
        {**make(**FIELDS), "resources": UNKNOWN},
        {**make(**FIELDS), "env": [UNKNOWN], "envFrom": UNKNOWN},
    ):
        said = check(policy, deployment(container))
        assert all("unknown" not in refusal for refusal in said.refusals)


@pytest.mark.parametrize("container", GOOD.values(), ids=GOOD)
def test_each_has_to_tolerate_the_taints_of_its_nodes(container: dict[str, Any]) -> None:
    members = [
        gpu_nodes("p4d.24xlarge", taints=[GPU_TAINT]),
        resource(DEPLOYMENT, "model-server", deployment(container)),
    ]
    assert "no toleration of" in check_stack(gpu_taints_tolerated.POLICY, members).only()


def test_a_program_on_gpus_that_is_no_server_we_know_is_left_alone() -> None:
    trainer = {**tgi(), "image": "trainer:1", "args": ["train", "--epochs=3"]}
    assert judge(trainer).nothing
