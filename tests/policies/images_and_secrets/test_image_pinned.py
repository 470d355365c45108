import pytest

from policies.images_and_secrets.image_pinned import POLICY
from tests.policies.engine_input import (
    DIGEST,
    IMAGE,
    TYPES,
    UNKNOWN,
    check,
    deployment,
    pod,
    workload,
)


@pytest.mark.parametrize(
    "image", [IMAGE, f"vllm@{DIGEST}", f"localhost:5000/a/b@{DIGEST}", f"r.example.com/a@{DIGEST}"]
)
def test_a_digest_is_allowed(image: str) -> None:
    assert check(POLICY, deployment({"name": "a", "image": image})).nothing


@pytest.mark.parametrize(
    "image",
    [
        "vllm/vllm-openai",
        "vllm/vllm-openai:latest",
        "vllm/vllm-openai:v0.33.0",
        f"vllm/vllm-openai:v0.33.0@{DIGEST}",
        f"vllm/vllm-openai@{DIGEST[:-1]}",
        f"vllm/vllm-openai@{DIGEST.upper()}",
        f"vllm/vllm-openai@sha512:{'3' * 64}",
        f"@{DIGEST}",
        f"{IMAGE}\n",
        "",
        7,
        ["vllm"],
        {"repository": "vllm"},
    ],
)
def test_anything_else_is_refused_with_all_that_is_needed(image: object) -> None:
    said = check(POLICY, deployment({"name": "vllm", "image": image})).only()
    assert said.startswith('Deployment "model-server", container "vllm": found image ')
    assert "allowed: repository@sha256:<64 hex digits>" in said
    assert "fix: " in said


def test_the_image_that_was_found_is_named() -> None:
    said = check(POLICY, deployment({"name": "vllm", "image": "vllm/vllm-openai:latest"})).only()
    assert "found image vllm/vllm-openai:latest;" in said


def test_a_missing_image_is_refused() -> None:
    assert "found image nothing" in check(POLICY, deployment({"name": "vllm"})).only()


@pytest.mark.parametrize("kind", TYPES)
def test_every_kind_of_workload_and_container_is_looked_at(kind: str) -> None:
    tagged = {"image": "busybox:1"}
    spec = pod(
        {"name": "main", **tagged},
        {"name": "pinned", "image": IMAGE},
        initContainers=[{"name": "init", **tagged}],
        ephemeralContainers=[{"name": "debug", **tagged}],
    )
    said = check(POLICY, workload(kind, spec), resource_type=TYPES[kind])
    assert len(said.refusals) == 3
    for role in ('container "main"', 'init container "init"', 'ephemeral container "debug"'):
        assert any(role in refusal and kind in refusal for refusal in said.refusals)


def test_both_pods_of_a_leader_worker_set() -> None:
    template = {"spec": pod({"name": "vllm", "image": "vllm:1"})}
    props = {"spec": {"leaderWorkerTemplate": {"leaderTemplate": template}}}
    props["spec"]["leaderWorkerTemplate"]["workerTemplate"] = template
    said = check(POLICY, props, resource_type=TYPES["LeaderWorkerSet"])
    leader, worker = said.refusals
    assert 'leader, container "vllm"' in leader
    assert 'worker, container "vllm"' in worker


def test_a_list_of_workloads() -> None:
    props = {"items": [deployment({"name": "a", "image": "a:1"}), UNKNOWN, None]}
    said = check(POLICY, props, resource_type=f"{TYPES['Deployment']}List")
    assert len(said.refusals) == len(said.unchecked) == 1
    assert "item 0" in said.refusals[0]


def test_a_patch_may_leave_the_image_out_but_not_unpin_it() -> None:
    patch = f"{TYPES['Deployment']}Patch"
    assert check(POLICY, deployment({"name": "a"}), resource_type=patch).nothing
    assert check(POLICY, deployment({"name": "a", "image": "a:1"}), resource_type=patch).refusals


@pytest.mark.parametrize(
    "resource_type", ["aws:eks/cluster:Cluster", "kubernetes:core/v1:Service", "random:x:Pod"]
)
def test_other_resources_are_none_of_its_business(resource_type: str) -> None:
    props = workload("Pod", pod({"name": "a", "image": "a:1"}))
    assert check(POLICY, props, resource_type=resource_type).nothing


def test_it_reads_on_past_an_unknown_and_says_what_it_could_not_check() -> None:
    props = deployment(
        {"name": "computed", "image": UNKNOWN},
        UNKNOWN,
        {"name": UNKNOWN, "image": "b:1"},
        {"name": "tagged", "image": "c:1"},
        initContainers=UNKNOWN,
    )
    said = check(POLICY, props)
    assert [r.split(":")[0] for r in said.refusals] == [
        'Deployment "model-server", container "#2"',
        'Deployment "model-server", container "tagged"',
    ]
    assert len(said.unchecked) == 3
    assert any('container "computed"' in u and ".containers.0.image" in u for u in said.unchecked)
    assert any(".initContainers" in u for u in said.unchecked)


@pytest.mark.parametrize("spec", [UNKNOWN, {"template": UNKNOWN}])
def test_an_unknown_pod_is_said_to_be_unchecked(spec: object) -> None:
    said = check(POLICY, {"spec": spec})
    assert not said.refusals
    assert said.unchecked


@pytest.mark.parametrize(
    "props",
    [
        {"kind": "Deployment"},
        {"spec": None},
        {"spec": []},
        {"spec": "x"},
        {"spec": {"template": {"spec": {"containers": None}}}},
        {"spec": {"template": {"spec": {"containers": "image"}}}},
        {"spec": {"template": {"spec": {"containers": [None, 7, "x", []]}}}},
    ],
)
def test_odd_properties_are_read_as_no_containers(props: dict[str, object]) -> None:
    assert check(POLICY, props).nothing
