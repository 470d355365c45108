from typing import Any

import pytest

from catalog.models import MODELS
from catalog.parallel_layout import ParallelLayout, refusals
from policies.gpu.server_layout import POLICY
from tests.policies.engine_input import (
    MIXTRAL,
    TYPES,
    UNKNOWN,
    Said,
    check,
    deployment,
    pod,
    server,
    workload,
)

DBRX = "databricks/dbrx-instruct"
BALANCED = ["--enable-expert-parallel", "--enable-eplb"]


def judge(*flags: Any, model: Any = MIXTRAL) -> Said:
    return check(POLICY, deployment(server(*flags, model=model)))


@pytest.mark.parametrize(
    "flags",
    [
        ["-tp=8"],
        ["-tp=1"],
        ["-tp=8", "-pp=2", "--nnodes=2"],
        ["-tp=8", "-pp=32"],
        ["-tp=4", "-dp=2"],
        ["-tp=8", *BALANCED],
        ["-tp=8", "-ep"],
        ["-tp=4", "-dp=2", *BALANCED],
        ["-tp=4", "-dp=2", *BALANCED, '--eplb-config={"num_redundant_experts": 8}'],
        ["-tp=4", *BALANCED, "--eplb-config.num_redundant_experts", "4"],
        ["-tp=8", *BALANCED, '--eplb-config={"num_redundant_experts": 0, "window_size": 9}'],
        ["-tp=8", "--eplb-config", "{}"],
        ["-tp=8", *BALANCED, "--no-enable-expert-parallel", "--no-enable-eplb"],
    ],
)
def test_layouts_that_vllm_starts(flags: list[str]) -> None:
    assert judge(*flags).nothing


def test_the_words_are_those_of_the_settings() -> None:
    (refusal,) = refusals(MODELS[MIXTRAL], ParallelLayout(3))
    said = judge("-tp=3").only()
    assert said.startswith('Deployment "model-server", container "vllm": found ')
    assert f"found --tensor-parallel-size 3; allowed: {refusal.allowed}; fix: set --tens" in said


@pytest.mark.parametrize(
    ("flags", "model", "found", "allowed"),
    [
        (["-tp=6"], MIXTRAL, "--tensor-parallel-size 6", "1, 2, 4, 8, which divide the 32"),
        (["-tp=8", "-pp=33"], MIXTRAL, "--pipeline-parallel-size 33", "up to 32, the layers"),
        (["-tp=8", "--enable-expert-p"], DBRX, "--enable-expert-parallel", "none: vLLM's EPLB"),
        (["-ep"], MIXTRAL, "--enable-expert-parallel", "more than one GPU"),
        (
            ["-tp=4", *BALANCED, "--eplb-config.num_redundant_experts=2"],
            MIXTRAL,
            "--eplb-config.num_redundant_experts 2",
            "0, 4, 8, ...: 4 ranks share the 8 experts",
        ),
        (
            ["-tp=8", "-dp=2", *BALANCED],
            MIXTRAL,
            "--eplb-config.num_redundant_experts 0",
            "8, 24, 40, ...: 16 ranks",
        ),
    ],
)
def test_layouts_that_it_does_not(flags: list[str], model: str, found: str, allowed: str) -> None:
    said = judge(*flags, model=model).only()
    assert f"found {found}; allowed: {allowed}" in said
    assert "fix: " in said


def test_each_size_that_cannot_be_is_named() -> None:
    assert len(judge("-tp=3", "-pp=50", "-ep").refusals) == 3


@pytest.mark.parametrize("model", [MIXTRAL, "my/model"])
@pytest.mark.parametrize("flags", [["--enable-eplb"], ["--enable_eplb", "--no-enable-expert-par"]])
def test_a_balancer_without_experts_to_move_is_refused(model: str, flags: list[str]) -> None:
    said = judge("-tp=8", *flags, model=model).only()
    assert "found --enable-eplb without --enable-expert-parallel" in said


@pytest.mark.parametrize("model", [MIXTRAL, "my/model"])
@pytest.mark.parametrize(
    "flags",
    [
        ["--eplb-config.num_redundant_experts=2"],
        ["--eplb-config", '{"num_redundant_experts":2}', "-ep"],
        ["--eplb_config.num_redundant_experts", "2"],
        ["--eplb-conf.num_redundant_experts", "2"],
    ],
)
def test_copies_without_a_balancer_are_refused(model: str, flags: list[str]) -> None:
    said = judge("-tp=8", *flags, model=model).only()
    assert "found --eplb-config.num_redundant_experts 2 without --enable-eplb" in said


def test_fields_one_by_one_replace_the_json() -> None:
    """As in vLLM, which puts them together into one more --eplb-config at the end."""
    assert judge(
        "-tp=8", "--eplb-config.window_size=9", '--eplb-config={"num_redundant_experts":2}'
    ).nothing


@pytest.mark.parametrize(
    "text",
    ["{", "2", '{"num_redundant_experts":"two"}', '{"num_redundant_experts":-1}', "[" * 9999],
)
def test_what_is_no_configuration_is_refused(text: str) -> None:
    said = judge("-tp=8", *BALANCED, f"--eplb-config={text}")
    assert said.nothing if text == "2" else "--eplb-config" in said.only()


@pytest.mark.parametrize("flags", [["-tp=3"], ["-tp=8", "-pp=50"], ["-tp=8", *BALANCED, "-dp=5"]])
def test_a_model_that_the_catalogue_lacks_is_nobodys_business(flags: list[str]) -> None:
    assert judge(*flags, model="my/model").nothing


def test_context_parallelism_is_said_to_be_unchecked() -> None:
    said = judge("-tp=3", "-pcp=2")
    assert not said.refusals
    assert "context parallelism" in said.unchecked[0]


@pytest.mark.parametrize("flags", [["-tp=all"], ["-tp=8", "-pp=-1"], ["-tp=8", "-dp", "$N"]])
def test_what_other_policies_refuse_is_said_to_be_unchecked(flags: list[str]) -> None:
    said = judge(*flags)
    assert not said.refusals
    assert said.unchecked


@pytest.mark.parametrize("kind", TYPES)
def test_every_kind_of_workload(kind: str) -> None:
    spec = pod(server("-tp=3"), initContainers=[server("-tp=5", name="first")])
    said = check(POLICY, workload(kind, spec), resource_type=TYPES[kind])
    assert len(said.refusals) == 2
    assert all(kind in refusal for refusal in said.refusals)


def test_a_deepspeed_mii_server_is_cut_alike() -> None:
    args = ["--model", MIXTRAL, "--tensor-parallel", "3"]
    container = server(command=["python", "-m", "mii.entrypoints.openai_api_server"], args=args)
    said = check(POLICY, deployment(container)).only()
    assert "found --tensor-parallel 3; allowed: 1, 2, 4, 8" in said


@pytest.mark.parametrize(
    ("flags", "unknown"),
    [
        (["-tp", UNKNOWN], "args.2"),
        (["-tp=8", "--eplb-config", UNKNOWN], "args.3"),
        ([UNKNOWN], "args.1"),
    ],
)
def test_an_unknown_is_said_to_be_unchecked(flags: list[str], unknown: str) -> None:
    said = judge(*flags)
    assert not said.refusals
    assert f"{unknown} can't be known" in said.unchecked[0]
    assert judge("-tp=3", UNKNOWN).refusals
