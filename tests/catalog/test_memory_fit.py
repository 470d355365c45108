"""Whether a model fits."""

import re
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.assumptions import Assumptions
from catalog.instance_types import GIB, INSTANCE_TYPES, P4D, P4DE, GpuInstanceType
from catalog.memory_fit import (
    MemoryFit,
    fits_by_layout,
    host_memory_needed_gib,
    layouts_across_nodes,
    layouts_in_one_node,
    memory_fit,
    what_would_fit,
)
from catalog.models import Model
from catalog.parallel_layout import ParallelLayout, refusals
from tests.catalog.example_models import (
    DBRX,
    EXAMPLES,
    LLAMA_8B,
    MIXTRAL_8X7B,
    MIXTRAL_8X22B,
    QWEN_7B,
)

TP8 = ParallelLayout(8)


@pytest.mark.parametrize(
    ("model", "node", "tokens"),
    # Worked by hand from the models' config.json at utilisation 0.95, with 3 GiB for all else.
    [
        (MIXTRAL_8X7B, P4D, 1.54e6),
        (MIXTRAL_8X7B, P4DE, 4.02e6),
        (MIXTRAL_8X22B, P4D, 63e3),
        (MIXTRAL_8X22B, P4DE, 1.48e6),
        (DBRX, P4D, 199e3),
        (DBRX, P4DE, 2.18e6),
    ],
)
def test_kv_tokens_agree_with_a_calculation_by_hand(
    model: Model, node: GpuInstanceType, tokens: float
) -> None:
    fit = memory_fit(model, node, TP8, max_model_len=4096, gpu_memory_utilization=0.95)
    with_3_gib = (fit.kv_cache_gib + fit.overhead_gib - 3) * GIB / fit.kv_bytes_per_token
    assert with_3_gib == pytest.approx(tokens, rel=0.02)


def test_a_large_step_leaves_less_for_the_cache() -> None:
    fit = partial(memory_fit, MIXTRAL_8X7B, P4D, TP8, max_model_len=32768)
    assert fit(max_num_batched_tokens=16384).kv_tokens < fit().kv_tokens
    assert fit(max_num_seqs=4096).kv_tokens < fit().kv_tokens


def test_mixtral_8x22b_does_not_fit_one_p4d_and_says_what_would() -> None:
    fit = memory_fit(MIXTRAL_8X22B, P4D, TP8, max_model_len=32768)
    assert not fit.fits
    assert fit.needed_gib > fit.budget_gib
    fixes = what_would_fit(fit, 0.92)
    assert any("p4de.24xlarge with tensor_parallel_size 8" in fix for fix in fixes)
    assert any("2 nodes of p4d.24xlarge with tensor_parallel_size 8" in fix for fix in fixes)


def test_weights_alone_too_large_leaves_no_tokens() -> None:
    fit = memory_fit(MIXTRAL_8X22B, P4D, ParallelLayout(1), max_model_len=4096)
    assert fit.kv_cache_gib < 0
    assert fit.kv_tokens == 0
    assert not fit.fits


def test_the_fullest_stage_decides() -> None:
    """Of three stages for 32 layers two have 11; the first has an embedding beside them."""
    layout = ParallelLayout(8, 3)
    fit = memory_fit(MIXTRAL_8X7B, P4D, layout, max_model_len=4096)
    assert fit.kv_bytes_per_token == 2 * 11 * 128 * 2
    one = memory_fit(MIXTRAL_8X7B, P4D, TP8, max_model_len=4096)
    assert fit.weights_gib == pytest.approx(one.weights_gib * 11 / 32, rel=0.02)


def test_each_data_parallel_rank_has_a_cache_of_its_own() -> None:
    layout = ParallelLayout(2, data_parallel_size=4, expert_parallel=True)
    fit = memory_fit(MIXTRAL_8X7B, P4D, layout, max_model_len=8192, min_sequences=10)
    assert fit.kv_tokens == 4 * fit.kv_tokens_per_rank
    assert fit.min_sequences_per_rank == 3
    assert fit.fits == (fit.kv_tokens_per_rank >= 3 * 8192)


def test_whole_experts_leave_the_same_cache_and_their_copies_less() -> None:
    def tokens(**kind: int) -> int:
        layout = ParallelLayout(8, expert_parallel=True, **kind)
        return memory_fit(MIXTRAL_8X7B, P4DE, layout, max_model_len=4096).kv_tokens

    slices = memory_fit(MIXTRAL_8X7B, P4DE, TP8, max_model_len=4096)
    # A whole expert's workspace is wider than a slice's, and EPLB has a buffer of an expert.
    assert tokens() == pytest.approx(slices.kv_tokens, rel=0.011)
    assert tokens() < slices.kv_tokens
    # One more in each of 32 layers, and in the buffer.
    copies = 33 * MIXTRAL_8X7B.expert_parameters * 2
    assert tokens() - tokens(redundant_experts=8) == pytest.approx(copies / 16384, abs=1)


def test_host_memory_counts_weights_shm_and_workers() -> None:
    needed = host_memory_needed_gib(
        MIXTRAL_8X7B, gpus=8, shm_gib=16, assumptions=Assumptions(host_overhead_per_gpu_gib=2)
    )
    assert needed == pytest.approx(86.99 + 16 + 8 * 2, abs=0.01)


def test_layouts_are_those_that_vllm_can_start() -> None:
    assert layouts_in_one_node(QWEN_7B, P4D) == [ParallelLayout(n) for n in (1, 2, 4)]
    assert layouts_across_nodes(QWEN_7B, P4D, most_nodes=4) == []
    assert layouts_across_nodes(MIXTRAL_8X7B, P4D, most_nodes=3) == [
        ParallelLayout(8, 2),
        ParallelLayout(8, 3),
    ]


def test_several_nodes_only_where_one_is_not_enough() -> None:
    def layouts(model: Model, node: GpuInstanceType) -> list[str]:
        found = fits_by_layout(model, node, max_model_len=model.context_tokens)
        return [str(each.layout) for each in found if each.fits]

    assert layouts(MIXTRAL_8X7B, P4D) == ["TP 4", "TP 8"]
    assert layouts(MIXTRAL_8X22B, P4D) == ["TP 8 x PP 2", "TP 8 x PP 3", "TP 8 x PP 4"]
    assert layouts(LLAMA_8B, P4DE)[-1] == "TP 8"


models = st.sampled_from(EXAMPLES)
nodes = st.sampled_from(list(INSTANCE_TYPES.values()))
sizes = st.sampled_from([1, 2, 4, 8])
lengths = st.integers(1024, 65536)
utilizations = st.floats(0.5, 0.95)


def _fit(  # the drawn parameters of all properties
    model: Model, node: GpuInstanceType, layout: ParallelLayout, length: int, share: float = 0.92
) -> MemoryFit:
    return memory_fit(model, node, layout, max_model_len=length, gpu_memory_utilization=share)


@given(models, nodes, sizes, st.integers(1, 4), lengths, utilizations)
def test_fits_exactly_when_need_is_within_budget(
    model: Model, node: GpuInstanceType, size: int, stages: int, length: int, share: float
) -> None:
    fit = _fit(model, node, ParallelLayout(size, stages), length, share)
    assert fit.fits == (fit.needed_gib <= fit.budget_gib)


@given(models, nodes, sizes, lengths, st.integers(1, 4096))
def test_what_fits_fits_shorter_too(
    model: Model, node: GpuInstanceType, size: int, length: int, more: int
) -> None:
    longer = _fit(model, node, ParallelLayout(size), length + more)
    shorter = _fit(model, node, ParallelLayout(size), length)
    assert shorter.fits >= longer.fits
    assert shorter.sequences >= longer.sequences


@given(models, nodes, sizes, st.integers(1, 7), lengths)
def test_what_fits_fits_in_one_stage_more(
    model: Model, node: GpuInstanceType, size: int, stages: int, length: int
) -> None:
    fewer = _fit(model, node, ParallelLayout(size, stages), length)
    more = _fit(model, node, ParallelLayout(size, stages + 1), length)
    assert more.kv_tokens >= fewer.kv_tokens
    assert more.fits >= fewer.fits


@given(models, nodes, st.sampled_from([2048, 32768, 131072]))
def test_every_fix_that_is_offered_is_one(model: Model, node: GpuInstanceType, length: int) -> None:
    fit = _fit(model, node, ParallelLayout(1), length)
    for fix in what_would_fit(fit, 0.92):
        if shorter := re.match(r"max_model_len (\d+) ", fix):
            again = _fit(model, node, ParallelLayout(1), int(shorter[1]))
        else:
            found = re.match(r"(?:(\d) nodes of )?(\S+) with tensor_parallel_size (\d) ", fix)
            assert found, fix
            layout = ParallelLayout(int(found[3]), int(found[1] or 1))
            assert not any(refusals(model, layout))
            again = _fit(model, INSTANCE_TYPES[found[2]], layout, length)
        assert again.fits
