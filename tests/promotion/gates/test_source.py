"""On a state in the shape of `pulumi stack export`; a real one is in tests/engine."""

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from promotion.gate import GateResult, Outcome
from promotion.gates.source import judge
from promotion.pulumi_stack import State, Update
from tests.promotion.gates.releases import contents, release

RELEASE = release()
STARTED = datetime(2026, 11, 28, 11, tzinfo=UTC)
UP = Update(0, "update", "succeeded", STARTED, STARTED, "", {"create": 91})
_URN = "urn:pulumi:dev::moe-serving::"


def resource(kind: str, name: str, inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"urn": f"{_URN}{kind}::{name}", "type": kind, "inputs": inputs, **more}


def node_group(name: str, ami_type: str, version: str) -> dict[str, Any]:
    inputs = {"amiType": ami_type, "releaseVersion": version}
    return resource("aws:eks/nodeGroup:NodeGroup", name, inputs, outputs=dict(inputs))


def resources() -> dict[str, dict[str, Any]]:
    """Those that matter, by name, running RELEASE."""
    settings = contents().settings
    server = {
        "image": f"vllm/vllm-openai@{settings['model_server.image']}",
        "args": [contents().model, f"--revision={settings['model_server.revision']}"],
        "resources": {"limits": {"nvidia.com/gpu": "8"}},
    }
    spec = {"template": {"spec": {"containers": [server]}}}
    chart = {"chart": "gpu-operator", "version": settings["charts.gpu_operator"]}
    outputs = {"release": contents().model_dump()}
    made = [
        resource("pulumi:pulumi:Stack", "moe-serving-dev", {}, outputs=outputs),
        node_group(
            "system", "AL2023_x86_64_STANDARD", settings["cluster.system_ami_release_version"]
        ),
        node_group("gpu", "AL2023_x86_64_NVIDIA", settings["gpu_node_group.ami_release_version"]),
        resource("kubernetes:helm.sh/v3:Release", "gpu-operator", chart, outputs=dict(chart)),
        resource("kubernetes:apps/v1:Deployment", "server", {"spec": spec}),
    ]
    return {each["urn"].rpartition("::")[2]: each for each in made}


def judged(
    of: dict[str, dict[str, Any]], *updates: Update, pending: tuple[Any, ...] = ()
) -> GateResult:
    return judge("dev", State(list(of.values()), pending), updates or (UP,), RELEASE)


def refusal(of: dict[str, dict[str, Any]], *updates: Update, pending: tuple[Any, ...] = ()) -> str:
    result = judged(of, *updates, pending=pending)
    assert result.outcome is Outcome.FAILED
    (line,) = result.details
    return line


def test_exactly_the_release_passes() -> None:
    result = judged(resources())
    assert result.outcome is Outcome.PASSED
    assert result.evidence == (
        f"dev runs {RELEASE.short_id}: by its output, and by what 5 kinds of its resources say"
    )


@pytest.mark.parametrize("state", [None, State([])])
def test_what_is_not_deployed_fails(state: State | None) -> None:
    result = judge("dev", state, [], RELEASE)
    assert result.outcome is Outcome.FAILED
    assert "dev is not deployed" in result.evidence


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (("settings", "charts.keda"), "2.99.0", "charts.keda: its output has 2.99.0"),
        (("policy_pack",), "9.9.9", "policy_pack: its output has 9.9.9"),
        (("alert_rules",), f"sha256:{'0' * 64}", "alert_rules: its output has sha256:0000"),
        (("program",), f"sha256:{'0' * 64}", "program: its output has sha256:0000"),
        (("model",), "another/model", "model: its output has another/model"),
    ],
)
def test_another_output_fails_by_its_key(path: tuple[str, ...], value: str, line: str) -> None:
    of = deepcopy(resources())
    inner = of["moe-serving-dev"]["outputs"]["release"]
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    assert refusal(of).startswith(line)


def test_an_output_that_lies_is_seen_by_the_resources() -> None:
    of = resources()
    container = of["server"]["inputs"]["spec"]["template"]["spec"]["containers"][0]
    container["image"] = f"vllm/vllm-openai@sha256:{'b' * 64}"
    assert refusal(of) == (
        f'model_server.image: Deployment "server" has sha256:{"b" * 64}, the release'
        f" {contents().settings['model_server.image']}"
    )


@pytest.mark.parametrize(
    ("name", "key", "line"),
    [
        ("gpu", "releaseVersion", 'gpu_node_group.ami_release_version: NodeGroup "gpu" has 0.1'),
        ("system", "releaseVersion", "cluster.system_ami_release_version: NodeGroup"),
        ("gpu-operator", "version", 'charts.gpu_operator: Release "gpu-operator" has 0.1'),
    ],
)
@pytest.mark.parametrize("side", ["inputs", "outputs"])
def test_another_version_of_a_resource_fails(name: str, key: str, line: str, side: str) -> None:
    of = resources()
    of[name][side][key] = "0.1"
    assert refusal(of).startswith(line)


def test_a_chart_that_is_not_deployed_is_no_difference_but_a_server_is() -> None:
    of = resources()
    del of["gpu-operator"]
    assert judged(of).outcome is Outcome.PASSED
    del of["server"]
    lines = judged(of).details
    assert [line.partition(":")[0] for line in lines] == [
        "model_server.image",
        "model_server.revision",
    ]
    assert "no resource shows one" in lines[0]


def test_a_program_that_says_nothing_fails() -> None:
    of = resources()
    of["moe-serving-dev"]["outputs"] = {}
    assert refusal(of) == "its program has no output `release`"


def test_an_output_that_cannot_be_read_is_not_checked() -> None:
    of = resources()
    of["moe-serving-dev"]["outputs"] = {"release": {"model": "m"}}
    result = judged(of)
    assert result.outcome is Outcome.COULD_NOT_CHECK
    assert "settings: Field required" in result.evidence


def test_what_is_half_done_fails() -> None:
    of = resources()
    pending = ({"type": "updating", "resource": of["gpu"]},)
    assert refusal(of, pending=pending) == 'NodeGroup "gpu": updating was begun and has not ended'
    of["server"]["initErrors"] = ["0 of 1\n replicas ready"]
    assert refusal(of) == 'Deployment "server" is not ready: 0 of 1 replicas ready'
    del of["server"]["initErrors"]
    of["old"] = of["gpu"] | {"delete": True}
    assert "is still to be deleted" in refusal(of)


def test_the_newest_operation_decides() -> None:
    failed = replace(UP, result="failed")
    assert refusal(resources(), failed, UP) == "its newest update (2026-11-28 11:00 UTC) is failed"
    assert judged(resources(), UP, failed).outcome is Outcome.PASSED
    assert judged(resources(), replace(failed, kind="rename"), UP).outcome is Outcome.PASSED
    assert "is in-progress" in refusal(resources(), replace(UP, result="in-progress"))
    assert "is a destroy" in refusal(resources(), replace(UP, kind="destroy"), UP)
    assert refusal(resources(), replace(UP, kind="import")) == "no up is in its history"
