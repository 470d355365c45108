"""What is read of the resources that the program really declares, for each engine and source."""

from collections.abc import Mapping

import pytest

from catalog import charts
from promotion.runs import ALWAYS_THERE, CHART_KEYS, REVISION, Part, parts
from stacks import reading
from stacks.released import IMAGE, MOVED_KEYS, released
from tests.components.declared import declared

LOCAL = reading.from_file("local")
ACROSS_NODES = {
    "image": LOCAL.model_server.image.replace("vllm/vllm-openai", "registry.example.com/vllm-efa"),
    "engine": {"kind": "vllm", "pipeline_parallel_size": 2, "efa_installer": "1.51.0"},
}
MII = {"engine": {"kind": "deepspeed_mii"}}
S3 = {"kind": "s3"}
FSX = {"kind": "fsx_lustre", "storage_gib": 1200}


def found(
    server: Mapping[str, object], weights: Mapping[str, object] | None = None
) -> dict[str, set[str]]:
    resources = [
        {
            "urn": f"urn:pulumi:local::moe-serving::{each.type}::{each.name}",
            "type": each.type,
            "inputs": each.inputs,
        }
        for each in declared(server, weights)
    ]
    values: dict[str, set[str]] = {}
    for part in parts(resources, LOCAL.model_server.model):
        values.setdefault(part.key, set()).add(part.value)
    return values


@pytest.mark.filterwarnings("ignore::DeprecationWarning:pulumi_aws.*")
@pytest.mark.parametrize(
    ("server", "weights"),
    [({}, None), ({}, S3), ({}, FSX), (ACROSS_NODES, None), (MII, None), (MII, FSX)],
)
def test_what_is_declared_says_exactly_what_is_released(
    server: Mapping[str, object], weights: Mapping[str, object] | None
) -> None:
    values = found(server, weights)
    settings = released(LOCAL).settings
    assert set(ALWAYS_THERE) <= set(values)
    assert values == {key: {settings[key]} for key in values}
    assert ("charts.leader_worker_set" in values) == (server is ACROSS_NODES)


def test_every_chart_has_a_key_that_a_release_moves() -> None:
    assert set(CHART_KEYS) == set(charts.CHARTS)
    moved = {key for key in MOVED_KEYS if key.startswith("charts.")}
    assert set(CHART_KEYS.values()) == moved
    assert {*moved, *ALWAYS_THERE} == set(MOVED_KEYS)


def deployment(*containers: object, **more: object) -> dict[str, object]:
    kind = "kubernetes:apps/v1:Deployment"
    spec = {"template": {"spec": {"containers": list(containers)}}}
    return {"urn": f"urn:x::y::{kind}::server", "type": kind, "inputs": {"spec": spec}, **more}


def container(image: object, *arguments: str, gpus: bool = True) -> dict[str, object]:
    limits = {"nvidia.com/gpu": "8"} if gpus else {"cpu": "1"}
    return {"image": image, "args": list(arguments), "resources": {"limits": limits}}


def test_only_containers_that_ask_for_gpus_count() -> None:
    pod = [container("a@sha256:1", gpus=False), container("b@sha256:2", "--revision", "main")]
    assert list(parts([deployment(*pod)], "org/model")) == [
        Part(IMAGE, "sha256:2", 'Deployment "server"'),
        Part(REVISION, "main", 'Deployment "server"'),
    ]
    assert list(parts([deployment(pod[0])], "org/model")) == []


def test_what_the_cluster_says_counts_beside_what_was_asked_for() -> None:
    changed = deployment(container("a@sha256:1"))
    changed["outputs"] = deployment(container("a@sha256:2"))["inputs"]
    assert [part.value for part in parts([changed], "m")] == ["sha256:1", "sha256:2"]


def test_an_image_without_a_digest_and_one_that_is_secret() -> None:
    secret = {"4dabf18193072939515e22adb298388d": "1b47", "ciphertext": "v1:abc"}
    values = [part.value for part in parts([deployment(container("a:1"), container(secret))], "m")]
    assert values == ["a:1", "a value that cannot be read"]


def test_what_is_only_read_or_on_its_way_out_is_not_the_stacks() -> None:
    read = deployment(container("a@sha256:1"), external=True)
    old = deployment(container("a@sha256:2"), delete=True)
    assert list(parts([read, old], "m")) == []
