"""The pack as the engine runs it: a process that serves, asked over gRPC.

What the engine then does with the answers is in tests/engine/.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from tests.policies.engine_input import (
    DEPLOYMENT,
    IMAGE,
    UNKNOWN,
    deployment,
    server,
    urn,
)

PACK = Path(__file__).parents[2] / "policies"


@pytest.fixture(scope="module")
def analyzer() -> Iterator[Any]:
    environment = {**os.environ, "PULUMI_CONFIG": json.dumps({})}
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:1", "."],
        cwd=PACK,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    port = process.stdout.readline().strip()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel)
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


def request(props: Mapping[str, Any]) -> Any:
    properties = struct_pb2.Struct()
    json_format.ParseDict(dict(props), properties)
    return analyzer_pb2.AnalyzeRequest(
        type=DEPLOYMENT,
        name="model-server",
        urn=urn(DEPLOYMENT, "model-server"),
        properties=properties,
    )


def test_every_module_with_a_policy_is_in_the_pack(analyzer: Any) -> None:
    info = analyzer.GetAnalyzerInfo(empty_pb2.Empty())
    assert info.name == "moe-serving"
    modules = [path for path in PACK.glob("**/*.py") if "\nPOLICY = " in path.read_text()]
    assert len(info.policies) == len(modules) > 0
    levels = {p.name: p.enforcementLevel for p in info.policies}
    assert levels.pop("aws-efa-used") == analyzer_pb2.ADVISORY
    mend = {name for name, level in levels.items() if level == analyzer_pb2.REMEDIATE}
    assert mend == {
        "kubernetes-llm-server-service-links",
        "kubernetes-llm-server-shared-memory",
        "kubernetes-workload-recommended-labels",
    }
    assert {levels[name] for name in levels.keys() - mend} == {analyzer_pb2.MANDATORY}


def test_good_code_passes(analyzer: Any) -> None:
    assert not analyzer.Analyze(request(deployment(server()))).diagnostics


def test_a_violation_is_mandatory(analyzer: Any) -> None:
    answer = analyzer.Analyze(request(deployment(server(gpus="4", image="vllm:latest"))))
    found = {d.policyName: d for d in answer.diagnostics}
    assert found.keys() == {"kubernetes-container-image-pinned", "kubernetes-llm-server-gpu-limits"}
    assert all(d.enforcementLevel == analyzer_pb2.MANDATORY for d in found.values())
    assert "found image vllm:latest" in found["kubernetes-container-image-pinned"].message


def test_an_unknown_is_an_advice_beside_the_violations(analyzer: Any) -> None:
    containers = {"name": "computed", "image": UNKNOWN}, {"name": "tagged", "image": "a:1"}
    answer = analyzer.Analyze(request(deployment(*containers)))
    found = [d for d in answer.diagnostics if d.policyName == "kubernetes-container-image-pinned"]
    refusal, note = found
    assert refusal.enforcementLevel == analyzer_pb2.MANDATORY
    assert note.enforcementLevel == analyzer_pb2.ADVISORY
    expected = 'could not check: Deployment "model-server", container "computed": '
    assert note.message.startswith(expected)
    assert note.urn == urn(DEPLOYMENT, "model-server")


def waivers(**changed: str) -> str:
    waiver = {
        "policy": "kubernetes-container-image-pinned",
        "resource": "model-server",
        "reason": "mirror is being moved",
        "owner": "team-serving",
        "expires": str(date.today() + timedelta(days=7)),
    }
    return json.dumps([waiver | changed])


def configure(analyzer: Any, given: str) -> None:
    config = {"moe-serving:waivers": given}
    analyzer.ConfigureStack(analyzer_pb2.AnalyzerStackConfigureRequest(config=config))


@pytest.fixture
def unwaived(analyzer: Any) -> Iterator[None]:
    yield
    configure(analyzer, "[]")


@pytest.mark.usefixtures("unwaived")
def test_a_waived_violation_is_advice_that_says_by_whom(analyzer: Any) -> None:
    configure(analyzer, waivers())
    (found,) = analyzer.Analyze(request(deployment(server(image="vllm:latest")))).diagnostics
    assert found.enforcementLevel == analyzer_pb2.ADVISORY
    assert "by team-serving: mirror is being moved" in found.message
    assert "found image vllm:latest" in found.message


@pytest.mark.usefixtures("unwaived")
@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"expires": "2026-01-31"}, "expired on 2026-01-31"),
        ({"expires": "2126-01-31"}, "90 days from now"),
        ({"policy": "kubernetes-container-image-pined"}, "kubernetes-container-image-pinned?"),
        ({"owner": ""}, "found 0.owner"),
        ({"policy": "stack-waivers-hold", "resource": "stack"}, "found the policy on waivers"),
    ],
)
def test_a_waiver_that_does_not_hold_refuses(
    analyzer: Any, changed: dict[str, str], says: str
) -> None:
    configure(analyzer, waivers(**changed))
    answer = analyzer.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=[]))
    (found,) = answer.diagnostics
    assert found.policyName == "stack-waivers-hold"
    assert found.enforcementLevel == analyzer_pb2.MANDATORY
    assert says in found.message


@pytest.mark.usefixtures("unwaived")
def test_an_expired_waiver_lets_nothing_pass(analyzer: Any) -> None:
    configure(analyzer, waivers(expires="2026-01-31"))
    (found,) = analyzer.Analyze(request(deployment(server(image="vllm:latest")))).diagnostics
    assert found.enforcementLevel == analyzer_pb2.MANDATORY


def analyze_stack(analyzer: Any, name: str, container: Mapping[str, Any]) -> Any:
    given = request(deployment(container))
    resource = analyzer_pb2.AnalyzerResource(
        type=given.type, name=name, urn=urn(DEPLOYMENT, name), properties=given.properties
    )
    return analyzer.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=[resource]))


def test_the_stack_is_analyzed(analyzer: Any) -> None:
    answer = analyze_stack(analyzer, "single", server("-tp=1", gpus="1"))
    found = {d.policyName: d for d in answer.diagnostics}
    assert found.keys() == {"kubernetes-llm-server-model-fits", "kubernetes-llm-server-drains"}
    assert "no GPU nodes" in found["kubernetes-llm-server-model-fits"].message


def test_advice_stays_advice_in_a_mandatory_pack(analyzer: Any) -> None:
    limits = {"vpc.amazonaws.com/efa": "4"}
    user = {"name": "all-reduce", "image": IMAGE, "command": ["all_reduce_perf"]}
    answer = analyze_stack(analyzer, "efa", user | {"resources": {"limits": limits}})
    advice = [d for d in answer.diagnostics if d.policyName == "aws-efa-used"]
    assert len(advice) == 2
    assert all(d.enforcementLevel == analyzer_pb2.ADVISORY for d in advice)
