"""What is counted, by vLLM's own router: the ids it chose, once each, and nothing else."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expert_metrics.counts import ExpertCounts
from expert_metrics.layers import watch
from tests.expert_metrics.stand_in_vllm import VLLM

EXPERTS = 16


@st.composite
def steps(draw: st.DrawFn) -> list[list[list[int]]]:
    """Batches of [rows, top_k] ids; -1 is a padded row."""
    top_k = draw(st.integers(1, 4))
    row = st.one_of(
        st.just([-1] * top_k),
        st.lists(st.integers(0, EXPERTS - 1), min_size=top_k, max_size=top_k, unique=True),
    )
    return draw(st.lists(st.lists(row, min_size=1, max_size=40), min_size=1, max_size=6))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(batches=steps())
def test_counts_are_those_of_bincount(vllm: VLLM, batches: list[list[list[int]]]) -> None:
    layer = vllm.layer(3, EXPERTS)
    _, counts = watch([layer], vllm.torch.device("cpu"))
    assert counts is not None
    for ids in batches:
        vllm.route(layer, ids)
    chosen = np.concatenate([np.ravel(ids) for ids in batches])
    expected = np.bincount(chosen[chosen >= 0], minlength=EXPERTS)
    assert counts.reader()() == [expected.tolist()]


def test_the_kernels_get_what_the_router_chose(vllm: VLLM) -> None:
    layer = vllm.layer(0)
    before = vllm.route(layer, [[0, 7], [-1, -1]])
    watch([layer], vllm.torch.device("cpu"))
    assert vllm.route(layer, [[0, 7], [-1, -1]]).tolist() == before.tolist() == [[0, 7], [-1, -1]]


@pytest.mark.parametrize("ids", [[[-1, 8]], [[99, -7]], [[2**31 - 1, -(2**31)]]])
def test_an_id_of_no_expert_counts_for_none_and_ends_nothing(
    vllm: VLLM, ids: list[list[int]]
) -> None:
    layers = [vllm.layer(0), vllm.layer(1)]
    _, counts = watch(list(layers), vllm.torch.device("cpu"))
    assert counts is not None
    vllm.route(layers[0], ids)
    assert counts.reader()() == [[0] * 8] * 2


@pytest.mark.parametrize("kind", ["int32", "int64"])
def test_every_type_of_id_is_counted(vllm: VLLM, kind: str) -> None:
    counts = ExpertCounts(1, 4, vllm.torch.device("cpu"))
    ids: Any = vllm.torch.tensor([[0, 3], [3, 1]], dtype=getattr(vllm.torch, kind))
    counts.capture(0)(ids)
    assert counts.reader()() == [[1, 1, 0, 2]]


def test_zero_forgets_and_counting_goes_on(vllm: VLLM) -> None:
    layer = vllm.layer(0)
    _, counts = watch([layer], vllm.torch.device("cpu"))
    assert counts is not None
    vllm.route(layer, [[0, 1]])
    counts.zero()
    vllm.route(layer, [[1, 2]])
    assert counts.reader()() == [[0, 1, 1, 0, 0, 0, 0, 0]]
