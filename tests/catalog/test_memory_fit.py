import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.instance_types import INSTANCE_TYPES, P4D, P4DE
from catalog.memory_fit import (
    Assumptions,
    host_memory_needed_gib,
    kv_bytes_per_token,
    memory_fit,
    what_would_fit,
)
from catalog.models import DBRX, MIXTRAL_8X7B, MIXTRAL_8X22B, MODELS


@pytest.mark.parametrize(
    ("model", "node", "tokens"),
    # Worked by hand from the models' config.json at utilisation 0.95.
    [
        (MIXTRAL_8X7B, P4D, 1.54e6),
        (MIXTRAL_8X7B, P4DE, 4.02e6),
        (MIXTRAL_8X22B, P4D, 63e3),
        (MIXTRAL_8X22B, P4DE, 1.48e6),
        (DBRX, P4D, 199e3),
        (DBRX, P4DE, 2.18e6),
    ],
)
def test_kv_tokens_agree_with_a_calculation_by_hand(model, node, tokens) -> None:  # type: ignore[no-untyped-def]
    fit = memory_fit(
        model, node, tensor_parallel_size=8, max_model_len=4096, gpu_memory_utilization=0.95
    )
    assert fit.kv_tokens == pytest.approx(tokens, rel=0.02)


def test_kv_heads_are_replicated_past_their_number() -> None:
    assert kv_bytes_per_token(MIXTRAL_8X7B, 1) == 131072
    assert kv_bytes_per_token(MIXTRAL_8X7B, 8) == 16384
    assert kv_bytes_per_token(MIXTRAL_8X7B, 16) == 16384


def test_mixtral_8x22b_does_not_fit_one_p4d_and_says_what_would() -> None:
    fit = memory_fit(MIXTRAL_8X22B, P4D, tensor_parallel_size=8, max_model_len=32768)
    assert not fit.fits
    assert fit.needed_gib > fit.budget_gib
    fixes = what_would_fit(fit, 0.92)
    assert any("p4de.24xlarge with tensor_parallel_size 8" in fix for fix in fixes)


def test_weights_alone_too_large_leaves_no_tokens() -> None:
    fit = memory_fit(MIXTRAL_8X22B, P4D, tensor_parallel_size=1, max_model_len=4096)
    assert fit.kv_cache_gib < 0
    assert fit.kv_tokens == 0
    assert not fit.fits


def test_host_memory_counts_weights_shm_and_workers() -> None:
    needed = host_memory_needed_gib(
        MIXTRAL_8X7B, gpus=8, shm_gib=16, assumptions=Assumptions(host_overhead_per_gpu_gib=2)
    )
    assert needed == pytest.approx(86.99 + 16 + 8 * 2, abs=0.01)


@given(
    model=st.sampled_from(list(MODELS.values())),
    node=st.sampled_from(list(INSTANCE_TYPES.values())),
    size=st.sampled_from([1, 2, 4, 8]),
    length=st.integers(1024, 65536),
    utilization=st.floats(0.5, 0.95),
)
def test_fits_exactly_when_need_is_within_budget(model, node, size, length, utilization) -> None:  # type: ignore[no-untyped-def]
    fit = memory_fit(
        model,
        node,
        tensor_parallel_size=size,
        max_model_len=length,
        gpu_memory_utilization=utilization,
    )
    assert fit.fits == (fit.needed_gib <= fit.budget_gib)


@given(
    model=st.sampled_from(list(MODELS.values())),
    length=st.integers(1024, 65536),
)
def test_every_fix_that_is_offered_is_one(model, length) -> None:  # type: ignore[no-untyped-def]
    fit = memory_fit(model, P4D, tensor_parallel_size=8, max_model_len=length)
    for fix in what_would_fit(fit, 0.92):
        if fix.startswith("max_model_len"):
            shorter = int(fix.split()[1])
            again = memory_fit(model, P4D, tensor_parallel_size=8, max_model_len=shorter)
        else:
            name, size = fix.split()[0], int(fix.split()[3])
            again = memory_fit(
                model, INSTANCE_TYPES[name], tensor_parallel_size=size, max_model_len=length
            )
        assert again.fits
