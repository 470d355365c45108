"""What one GPU holds, against vLLM's rules."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.gpu_weights import kv_bytes_per_token, layers_of_stages, stage_weights_gib
from catalog.instance_types import GIB
from catalog.models import Model
from catalog.parallel_layout import ParallelLayout, refusals
from tests.catalog.example_models import (
    EXAMPLES,
    LLAMA_1B_TIED,
    MIXTRAL_8X7B,
    MIXTRAL_AWQ,
    QWEN_30B,
    QWEN_MOE_SHARED,
)


@pytest.mark.parametrize(
    ("layers", "stages", "spread"),
    # As worked through in the docstring of vLLM's get_pp_indices: what remains goes to the
    # middle, then to all but the last.
    [
        (32, 1, [32]),
        (32, 2, [16, 16]),
        (33, 2, [17, 16]),
        (40, 3, [13, 14, 13]),
        (56, 3, [19, 19, 18]),
        (94, 4, [23, 24, 24, 23]),
        (95, 4, [24, 24, 24, 23]),
        (5, 8, [0, 0, 1, 1, 1, 1, 1, 0]),
    ],
)
def test_layers_go_to_stages_as_vllm_spreads_them(
    layers: int, stages: int, spread: list[int]
) -> None:
    assert layers_of_stages(layers, stages) == spread


@given(layers=st.integers(1, 128), stages=st.integers(1, 8))
def test_every_layer_is_in_one_stage_and_the_last_has_the_fewest(layers: int, stages: int) -> None:
    spread = layers_of_stages(layers, stages)
    assert sum(spread) == layers
    assert max(spread) - min(spread) <= 1
    assert spread[-1] == min(spread)


def test_kv_heads_are_replicated_past_their_number() -> None:
    sizes = [kv_bytes_per_token(MIXTRAL_8X7B, n, layers=32) for n in (1, 8, 16)]
    assert sizes == [131072, 16384, 16384]
    assert kv_bytes_per_token(QWEN_30B, 4, layers=48) == 24576
    assert kv_bytes_per_token(QWEN_30B, 8, layers=48) == 24576


def test_replicated_kv_heads_are_weights_too() -> None:
    four = stage_weights_gib(QWEN_30B, ParallelLayout(4), 0) * 4
    eight = stage_weights_gib(QWEN_30B, ParallelLayout(8), 0) * 8
    one_more_copy = 48 * QWEN_30B.kv_parameters() * 2 / GIB
    routers = 4 * 48 * QWEN_30B.router_parameters * 2 / GIB
    assert eight - four == pytest.approx(one_more_copy + routers)


def test_one_gpu_holds_all() -> None:
    for model in EXAMPLES:
        weights = stage_weights_gib(model, ParallelLayout(1), 0)
        assert weights * GIB == pytest.approx(model.weights_bytes)


def test_tied_embeddings_are_on_the_first_and_the_last_stage() -> None:
    """vLLM's llama.py keeps embed_tokens on the last stage too, for the output."""
    one = stage_weights_gib(LLAMA_1B_TIED, ParallelLayout(1), 0)
    two = [stage_weights_gib(LLAMA_1B_TIED, ParallelLayout(1, 2), stage) for stage in (0, 1)]
    assert two[0] == pytest.approx(two[1])
    assert sum(two) - one == pytest.approx(128256 * 2048 * 2 / GIB)


def test_middle_stages_have_no_embeddings() -> None:
    first, middle, _ = (
        stage_weights_gib(MIXTRAL_8X7B, ParallelLayout(8, 3), stage) for stage in range(3)
    )
    layer = (middle - first + 32000 * 4096 * 2 / 8 / GIB) * GIB
    # 10, 11 and 11 layers, of which the middle one has one more than the first.
    assert layers_of_stages(32, 3) == [11, 11, 10]
    assert layer == pytest.approx(0, abs=1)


def test_whole_experts_weigh_what_slices_weigh() -> None:
    slices = stage_weights_gib(MIXTRAL_8X7B, ParallelLayout(8), 0)
    whole = stage_weights_gib(MIXTRAL_8X7B, ParallelLayout(8, expert_parallel=True), 0)
    assert whole == pytest.approx(slices)


def test_a_copy_of_an_expert_on_each_gpu_costs_its_memory() -> None:
    layout = ParallelLayout(8, expert_parallel=True)
    copies = ParallelLayout(8, expert_parallel=True, redundant_experts=8)
    more = stage_weights_gib(MIXTRAL_8X7B, copies, 0) - stage_weights_gib(MIXTRAL_8X7B, layout, 0)
    assert more == pytest.approx(32 * MIXTRAL_8X7B.expert_parameters * 2 / GIB)


def test_data_parallel_ranks_share_experts_and_copy_the_rest() -> None:
    layout = ParallelLayout(2, data_parallel_size=4, expert_parallel=True)
    attention = stage_weights_gib(MIXTRAL_8X7B, layout, 0)
    experts = 32 * MIXTRAL_8X7B.expert_parameters * 2 / GIB
    rest = stage_weights_gib(MIXTRAL_8X7B, ParallelLayout(2), 0) - 4 * experts
    assert attention == pytest.approx(experts + rest)


def test_shared_experts_are_cut_over_tensor_parallel_ranks() -> None:
    none = QWEN_MOE_SHARED.model_copy(update={"shared_intermediate_size": 0})
    for ranks in (1, 2, 4):
        layout = ParallelLayout(ranks)
        shared = stage_weights_gib(QWEN_MOE_SHARED, layout, 0) - stage_weights_gib(none, layout, 0)
        assert shared == pytest.approx(24 * 3 * 2048 * 5632 * 2 / ranks / GIB)


def test_quantized_experts_are_a_quarter_and_their_scales() -> None:
    whole = stage_weights_gib(MIXTRAL_8X7B, ParallelLayout(1), 0)
    small = stage_weights_gib(MIXTRAL_AWQ, ParallelLayout(1), 0)
    assert 0.25 < small / whole < 0.27


layouts = st.builds(
    ParallelLayout,
    tensor_parallel_size=st.sampled_from([1, 2, 4, 8]),
    pipeline_parallel_size=st.integers(1, 8),
    data_parallel_size=st.just(1),
    expert_parallel=st.booleans(),
    redundant_experts=st.sampled_from([0, 8, 16]),
)


@given(model=st.sampled_from(EXAMPLES), layout=layouts)
def test_all_gpus_hold_the_model_at_least_once(model: Model, layout: ParallelLayout) -> None:
    if any(refusals(model, layout)):
        return
    per_stage = layout.tensor_parallel_size
    held = sum(
        stage_weights_gib(model, layout, stage) * per_stage
        for stage in range(layout.pipeline_parallel_size)
    )
    assert held * GIB >= model.weights_bytes * (1 - 1e-9)


@given(model=st.sampled_from(EXAMPLES), layout=layouts)
def test_one_more_stage_never_needs_more_of_a_gpu(model: Model, layout: ParallelLayout) -> None:
    more = replace(layout, pipeline_parallel_size=layout.pipeline_parallel_size + 1)

    def fullest(of: ParallelLayout) -> float:
        return max(stage_weights_gib(model, of, s) for s in range(of.pipeline_parallel_size))

    assert fullest(more) <= fullest(layout) * (1 + 1e-9)
