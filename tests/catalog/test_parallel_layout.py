"""Which cuts of a model vLLM cannot make, and what is said instead."""

import pytest

from catalog.models import Model
from catalog.parallel_layout import ParallelLayout, Refusal, refusals
from tests.catalog.example_models import (
    DBRX,
    LLAMA_8B,
    MIXTRAL_8X7B,
    MIXTRAL_AWQ,
    QWEN_7B,
    QWEN_30B,
    QWEN_MOE_SHARED,
)

# 40 query heads and 10 of keys and values, as Phi-3-medium has.
TEN_KV_HEADS = LLAMA_8B.model_copy(update={"attention_heads": 40, "kv_heads": 10})
# Of Qwen2-72B: 29568 is 231 groups of 128.
ODD_GROUPS = MIXTRAL_AWQ.model_copy(update={"intermediate_size": 29568})


def found(model: Model, layout: ParallelLayout) -> list[Refusal]:
    return list(refusals(model, layout))


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        (ParallelLayout(8), "TP 8"),
        (ParallelLayout(8, 2), "TP 8 x PP 2"),
        (ParallelLayout(2, data_parallel_size=4, expert_parallel=True), "TP 2 x DP 4 x EP 8"),
    ],
)
def test_a_layout_in_words(layout: ParallelLayout, words: str) -> None:
    assert str(layout) == words


def test_gpus_and_ranks_that_share_experts() -> None:
    layout = ParallelLayout(2, 2, 2, expert_parallel=True)
    assert (layout.gpus, layout.expert_parallel_size) == (8, 4)
    assert ParallelLayout(8).expert_parallel_size == 1


@pytest.mark.parametrize(
    ("model", "layout"),
    [
        (MIXTRAL_8X7B, ParallelLayout(8)),
        (MIXTRAL_8X7B, ParallelLayout(8, 2)),
        (MIXTRAL_8X7B, ParallelLayout(8, expert_parallel=True)),
        (MIXTRAL_8X7B, ParallelLayout(8, expert_parallel=True, redundant_experts=8)),
        (MIXTRAL_8X7B, ParallelLayout(1, data_parallel_size=8, expert_parallel=True)),
        # 4 heads of keys and values are replicated.
        (QWEN_30B, ParallelLayout(8, expert_parallel=True)),
        (MIXTRAL_AWQ, ParallelLayout(8)),
        # Whole experts have all their groups.
        (ODD_GROUPS, ParallelLayout(8, expert_parallel=True)),
        (QWEN_7B, ParallelLayout(4)),
        (DBRX, ParallelLayout(8)),
    ],
)
def test_what_vllm_can_do(model: Model, layout: ParallelLayout) -> None:
    assert found(model, layout) == []


@pytest.mark.parametrize(
    ("model", "layout", "parameter", "allowed"),
    [
        (
            QWEN_7B,
            ParallelLayout(8),
            "tensor_parallel_size",
            "1, 2, 4, which divide the 28 attention heads of Qwen/Qwen2.5-7B-Instruct",
        ),
        (
            TEN_KV_HEADS,
            ParallelLayout(4),
            "tensor_parallel_size",
            "1, 2, which divide the 10 key and value heads, or are a multiple of them, of",
        ),
        (
            ODD_GROUPS,
            ParallelLayout(2),
            "tensor_parallel_size",
            "1, which divide the intermediate_size 29568 in groups of 128 of",
        ),
        (
            QWEN_MOE_SHARED.model_copy(update={"shared_intermediate_size": 5634}),
            ParallelLayout(4),
            "tensor_parallel_size",
            "1, 2, which divide the shared_intermediate_size 5634 of",
        ),
        (
            MIXTRAL_8X7B,
            ParallelLayout(8, 33),
            "pipeline_parallel_size",
            "up to 32, the layers of mistralai/Mixtral-8x7B-Instruct-v0.1",
        ),
        (
            LLAMA_8B,
            ParallelLayout(8, expert_parallel=True),
            "expert_parallel",
            "none: meta-llama/Llama-3.1-8B-Instruct has no experts",
        ),
        (
            DBRX,
            ParallelLayout(8, expert_parallel=True),
            "expert_parallel",
            "none: vLLM's EPLB cannot balance DbrxForCausalLM",
        ),
        (
            MIXTRAL_8X7B,
            ParallelLayout(1, expert_parallel=True),
            "expert_parallel",
            "more than one GPU",
        ),
        (
            MIXTRAL_8X7B,
            ParallelLayout(8, expert_parallel=True, redundant_experts=2),
            "redundant_experts",
            "0, 8, 16, ...: 8 ranks share the 8 experts",
        ),
        (
            MIXTRAL_8X7B,
            ParallelLayout(8, data_parallel_size=2, expert_parallel=True),
            "redundant_experts",
            "8, 24, 40, ...: 16 ranks share the 8 experts",
        ),
    ],
)
def test_what_vllm_would_refuse_at_start(
    model: Model, layout: ParallelLayout, parameter: str, allowed: str
) -> None:
    (refusal,) = found(model, layout)
    assert refusal.parameter == parameter
    assert refusal.allowed.startswith(allowed)
