"""What many policies ask is read once, in one analysis, and is forgotten at its end."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from pulumi.runtime.proto import analyzer_pb2

from policies import analyzer
from policies.analyzer import PackServicer
from policies.kubernetes import workloads
from policies.memo import once, one_analysis
from policies.pack import Pack
from policies.servers import llm_servers
from tests.policies.engine_group import group
from tests.policies.engine_input import DEPLOYMENT, TYPES, UNKNOWN, deployment, server, urn

LWS = TYPES["LeaderWorkerSet"]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each reader that costs time has run."""
    counted: Counter[str] = Counter()

    def count(module: Any, name: str) -> None:
        read: Callable[..., Any] = getattr(module, name)

        def counting(*args: Any) -> Any:
            counted[name] += 1
            return read(*args)

        monkeypatch.setattr(module, name, counting)

    count(analyzer, "deserialize_properties")
    count(workloads, "_containers_of_pod")
    count(llm_servers, "started_server")
    return counted


def member(kind: str, name: str, props: dict[str, Any]) -> Any:
    found = analyzer_pb2.AnalyzerResource(type=kind, name=name, urn=urn(kind, name))
    found.properties.update(props)
    return found


def analyze(*members: Any) -> list[Any]:
    servicer = PackServicer(Pack())
    found: list[Any] = []
    for each in members:
        request = analyzer_pb2.AnalyzeRequest(
            type=each.type, name=each.name, urn=each.urn, properties=each.properties
        )
        found += servicer.Analyze(request, None).diagnostics
    return found


def analyze_stack(*members: Any) -> list[Any]:
    request = analyzer_pb2.AnalyzeStackRequest(resources=members)
    return list(PackServicer(Pack()).AnalyzeStack(request, None).diagnostics)


@pytest.mark.parametrize("analysis", [analyze, analyze_stack])
def test_all_policies_together_read_a_resource_once(
    calls: Counter[str], analysis: Callable[..., list[Any]]
) -> None:
    analysis(member(DEPLOYMENT, "a", deployment(server())), member(LWS, "b", group()))
    assert calls["deserialize_properties"] == 2
    assert calls["_containers_of_pod"] == 3  # one of the Deployment, leader and worker
    assert calls["started_server"] == 3


def test_each_policy_says_by_itself_what_it_could_not_check() -> None:
    found = analyze(member(DEPLOYMENT, "a", deployment(UNKNOWN)))
    notes = [d.policyName for d in found if "containers.0" in d.message]
    assert len(notes) == len(set(notes)) > 3


def test_two_resources_with_the_same_words_are_two() -> None:
    bad = deployment(server(image="vllm:latest"))
    found = analyze(member(DEPLOYMENT, "a", bad), member(DEPLOYMENT, "b", bad))
    assert {d.urn for d in found} == {urn(DEPLOYMENT, "a"), urn(DEPLOYMENT, "b")}


def test_nothing_is_kept_after_an_analysis_nor_outside_of_one() -> None:
    reads: list[object] = []

    @once
    def read(what: object) -> int:
        reads.append(what)
        return len(reads)

    thing = object()
    assert [read(thing), read(thing)] == [1, 2]
    with one_analysis():
        assert [read(thing), read(thing)] == [3, 3]
    with one_analysis():
        assert read(thing) == 4


def test_an_error_is_read_again() -> None:
    answers: dict[str, int] = {}

    @once
    def read() -> int:
        return answers["here"]

    with one_analysis():
        with pytest.raises(KeyError):
            read()
        answers["here"] = 7
        assert read() == 7
