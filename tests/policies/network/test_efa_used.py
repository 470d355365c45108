from typing import Any

import pytest
from pulumi_policy import PolicyResource

from policies.network.efa_used import POLICY
from tests.policies.efa_stack import Stack, interface
from tests.policies.engine_input import (
    DEPLOYMENT,
    DIGEST,
    IMAGE,
    TYPES,
    UNKNOWN,
    Said,
    check_stack,
    deployment,
    pod,
    resource,
    server,
    workload,
)

EFA = "vpc.amazonaws.com/efa"
STOCK_IMAGES = [
    IMAGE,
    "vllm/vllm-openai:v0.33.0",
    "vllm/vllm-openai",
    f"docker.io/vllm/vllm-openai@{DIGEST}",
    f"registry.example.com:5000/mirror/vllm/vllm-openai:v0.33.0@{DIGEST}",
]
OWN_IMAGE = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/vllm-efa@{DIGEST}"
ALL = {EFA: "4", "hugepages-2Mi": "5120Mi"}
TWO_NODES = ["-tp=8", "-pp=2", "--nnodes=2"]


def engine(
    *flags: Any, limits: Any = None, requests: Any = None, image: Any = OWN_IMAGE
) -> dict[str, Any]:
    quantities = {"limits": ALL if limits is None else limits, "requests": requests or {}}
    return server(*(flags or TWO_NODES), image=image, resources=quantities)


def benchmark(*, limits: Any = None, image: Any = OWN_IMAGE) -> dict[str, Any]:
    """Whoever uses EFA without vLLM."""
    command = ["/opt/nccl-tests/build/all_reduce_perf"]
    quantities = {"limits": ALL if limits is None else limits}
    return {"name": "all-reduce", "image": image, "command": command, "resources": quantities}


def check(*containers: Any, kind: str = "Deployment", **given: Any) -> Said:
    """The stack of an EFA node group with one workload of these containers."""
    member = resource(TYPES[kind], "model-server", workload(kind, pod(*containers)))
    return check_stack(POLICY, [*Stack(**given).resources, member])


def test_an_engine_that_talks_to_other_pods_uses_it() -> None:
    assert check(engine()).nothing
    assert check(engine("-tp=8", "--kv-transfer-config={}")).nothing


@pytest.mark.parametrize("image", [OWN_IMAGE, IMAGE])
def test_engines_across_nodes_are_the_mandatory_policys(image: str) -> None:
    assert check(engine(image=image, limits={EFA: "4"})).nothing
    group = workload("LeaderWorkerSet", pod(engine("-tp=8", image=image, limits={EFA: "4"})))
    group["spec"]["leaderWorkerTemplate"]["size"] = 2
    member = resource(TYPES["LeaderWorkerSet"], "model-server", group)
    assert check_stack(POLICY, [*Stack().resources, member]).nothing


@pytest.mark.parametrize("created", [True, False])
def test_efa_that_nothing_uses(created: bool) -> None:
    said = check(server(), created=created).only()
    assert said.startswith('LaunchTemplate "gpu": found EFA interfaces that no workload requests')
    assert "allowed: EFA for engines that span nodes" in said
    assert f"request {EFA} where an engine spans nodes" in said
    assert check_stack(POLICY, Stack(created=created).resources).refusals


@pytest.mark.parametrize("amount", ["0", 0, None, "none"])
def test_a_request_of_none_is_no_use(amount: object) -> None:
    assert "no workload requests" in check(engine(limits={EFA: amount})).only()


def test_nodes_without_efa_and_templates_that_nobody_uses() -> None:
    assert check(server(), interfaces=[interface(0, 0, "interface")]).nothing
    stack = Stack()
    assert check_stack(POLICY, [stack.template]).nothing


def test_a_request_without_a_limit_counts() -> None:
    said = check(engine(limits={"hugepages-2Mi": "5120Mi"}, requests={EFA: 4}))
    assert said.nothing


def test_any_workload_may_use_it() -> None:
    assert check(benchmark(), kind="Job").nothing


@pytest.mark.parametrize(
    "flags", [["-tp=8"], ["-tp=4", "-dp=2"], ["-tp=4", "-pp=2"], ["-tp=8", "--nnodes=1"]]
)
def test_an_engine_on_one_node_has_no_use_for_it(flags: list[str]) -> None:
    said = check(engine(*flags)).only()
    assert f'container "vllm": found request {EFA} of an engine on one node' in said
    assert "NVSwitch" in said


@pytest.mark.parametrize("image", STOCK_IMAGES)
def test_the_stock_image_has_no_efa_libraries(image: str) -> None:
    said = check(benchmark(image=image), kind="Job").only()
    assert "with image vllm/vllm-openai, which has no EFA libraries" in said


@pytest.mark.parametrize(
    "image", [OWN_IMAGE, "my-vllm/vllm-openai:1", "vllm/vllm-openai-efa", "vllm-openai", None, 7]
)
def test_other_images_may_have_them(image: object) -> None:
    assert check(benchmark(image=image)).nothing


@pytest.mark.parametrize("pages", [None, "0"])
def test_without_huge_pages(pages: object) -> None:
    said = check(benchmark(limits={EFA: "4", "hugepages-2Mi": pages})).only()
    assert f"found request {EFA} without hugepages-2Mi" in said


def test_everything_that_is_wrong_is_said() -> None:
    assert len(check(benchmark(image=IMAGE, limits={EFA: "4"})).refusals) == 2
    talks = engine("-tp=8", "--kv-transfer-config={}", image=IMAGE, limits={EFA: "4"})
    assert len(check(talks).refusals) == 2
    assert "NVSwitch" in check(engine("-tp=8", image=IMAGE, limits={EFA: "4"})).only()


@pytest.mark.parametrize(
    ("container", "unknown"),
    [
        (engine("-tp=8", image=IMAGE, limits={EFA: UNKNOWN}), "limits.vpc.amazonaws.com/efa"),
        (benchmark(limits={EFA: "4", "hugepages-2Mi": UNKNOWN}), "hugepages-2Mi"),
        (benchmark(image=UNKNOWN), "image"),
        (engine("-tp=8", "-pp", UNKNOWN), "args.3"),
    ],
)
def test_an_unknown_is_said_to_be_unchecked(container: dict[str, Any], unknown: str) -> None:
    said = check(container)
    assert not said.refusals
    assert f"{unknown} can't be known" in said.unchecked[0]


def test_a_workload_without_any_properties_is_said_to_be_unchecked() -> None:
    hidden: PolicyResource = resource(DEPLOYMENT, "never-seen", {})
    said = check_stack(POLICY, [*Stack().resources, hidden])
    assert said.unchecked == ['Deployment "never-seen": the engine gave none of its properties']


def test_a_deployment_without_efa_needs_nothing() -> None:
    props = deployment(server())
    assert check_stack(POLICY, [resource(DEPLOYMENT, "model-server", props)]).nothing
