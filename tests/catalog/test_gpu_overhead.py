"""What a GPU needs beside weights and KV cache, by hand; logs are in test_startup_logs.py."""

import pytest

from catalog.assumptions import ASSUMPTIONS
from catalog.gpu_overhead import Step, activations_gib, non_torch_gib, overhead_gib
from catalog.models import Model
from catalog.parallel_layout import ParallelLayout
from tests.catalog.example_models import LLAMA_8B, MIXTRAL_8X7B, QWEN_30B

USUAL = Step(2048, 256)
MIB_IN_GIB = 1 / 1024


def activations(model: Model, layout: ParallelLayout, step: Step = USUAL, stage: int = 0) -> float:
    return activations_gib(model, layout, stage, step, ASSUMPTIONS)


def test_mixtral_on_eight_gpus_by_hand() -> None:
    hidden = 2048 * 4096 * 2 / 2**20
    logits = 256 * 32000 * 4 / 2**20
    assert (hidden, logits) == (16.0, 31.25)
    # Two experts a token; 2 x 14336 / 8 is narrower than the 4096 of a hidden state.
    workspace = 2048 * 2 * (4096 + 4096) * 2 / 2**20
    in_mib = max(7 * hidden, 3 * hidden + 3.5 * logits) + workspace
    found = activations(MIXTRAL_8X7B, ParallelLayout(8))
    assert found == pytest.approx(in_mib * MIB_IN_GIB)
    whole = overhead_gib(MIXTRAL_8X7B, ParallelLayout(8), 0, USUAL, ASSUMPTIONS)
    assert whole == pytest.approx(0.25 + 2.0 + 1.1 + found)


def test_logits_are_whole_on_each_gpu_and_on_the_last_stage_alone() -> None:
    many = Step(2048, 1024)
    assert activations(LLAMA_8B, ParallelLayout(8), many) == pytest.approx(
        activations(LLAMA_8B, ParallelLayout(1), many), rel=0.01
    )
    first, last = (activations(LLAMA_8B, ParallelLayout(8, 2), many, stage) for stage in (0, 1))
    assert first < 0.3 * last


def test_whole_experts_have_a_wider_workspace() -> None:
    slices = activations(MIXTRAL_8X7B, ParallelLayout(8))
    whole = activations(MIXTRAL_8X7B, ParallelLayout(8, expert_parallel=True))
    assert whole > slices
    # Narrow experts: the hidden state decides in both.
    assert activations(QWEN_30B, ParallelLayout(8, expert_parallel=True)) == pytest.approx(
        activations(QWEN_30B, ParallelLayout(8))
    )


def test_tokens_of_all_data_parallel_ranks_meet_at_the_experts() -> None:
    four = ParallelLayout(2, data_parallel_size=4, expert_parallel=True)
    one = ParallelLayout(8, expert_parallel=True)
    workspace = 2048 * 2 * (2 * 14336 + 14336) * 2 / 2**30
    more = activations(MIXTRAL_8X7B, four) - activations(MIXTRAL_8X7B, one)
    assert more == pytest.approx(3 * workspace)


@pytest.mark.parametrize(
    ("layout", "gib"),
    [
        (ParallelLayout(1), 0.25),
        (ParallelLayout(1, 4), 0.25),
        (ParallelLayout(2), 2.25),
        (ParallelLayout(1, data_parallel_size=8, expert_parallel=True), 2.25),
    ],
)
def test_buffers_are_where_gpus_share_layers(layout: ParallelLayout, gib: float) -> None:
    assert non_torch_gib(layout, ASSUMPTIONS) == gib
