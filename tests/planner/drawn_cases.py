"""Cases drawn by hypothesis."""

import numpy as np
from hypothesis import strategies as st

from planner.limits import EngineLimits
from planner.simulation import Arrivals
from planner.step_time import StepTime

Case = tuple[Arrivals, EngineLimits, StepTime]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Small engines under any load: few blocks, few seats, small budgets, long prompts."""
    longest_prompt = draw(st.integers(1, 60))
    longest_output = draw(st.integers(1, 60))
    block_size = draw(st.sampled_from([1, 4, 16]))
    least_blocks = -(-(longest_prompt + longest_output) // block_size)
    seats = draw(st.integers(1, 8))
    limits = EngineLimits(
        kv_tokens=block_size * (least_blocks + draw(st.integers(0, 2 * least_blocks))),
        max_num_seqs=seats,
        max_num_batched_tokens=seats + draw(st.integers(0, 80)),
        max_queued_requests=draw(st.none() | st.integers(0, 12)),
        max_queued_tokens=draw(st.none() | st.integers(0, 300)),
        block_size=block_size,
    )
    step_time = StepTime(
        base_s=draw(st.floats(0.1, 1)),
        per_sequence_s=draw(st.sampled_from([0.0, 0.03, 0.2])),
        per_prefill_token_s=draw(st.sampled_from([0.0, 0.01, 0.1])),
        per_kv_token_s=draw(st.sampled_from([0.0, 0.0007, 0.01])),
    )
    requests = draw(st.integers(1, 40))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    mean_gap_s = draw(st.sampled_from([0.1, 1.0, 5.0, 30.0]))
    return (
        Arrivals(
            np.cumsum(generator.exponential(mean_gap_s, requests)),
            generator.integers(1, longest_prompt, requests, endpoint=True),
            generator.integers(1, longest_output, requests, endpoint=True),
        ),
        limits,
        step_time,
    )
