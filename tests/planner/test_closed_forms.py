"""The simulation where it reduces to a queue with a known answer."""

import pytest

from tests.planner.closed_forms import Comparison, comparisons

REQUESTS = 60_000
SEED = 1
WITHIN = {
    "mean wait": 0.08,
    "p99 wait": 0.15,
    "mean time": 0.03,
    "rejected": 0.03,
    "mean batch": 0.03,
}
"""What so many requests leave to chance; docs/simulation.md has the errors of longer runs."""


@pytest.mark.parametrize(
    "comparison", comparisons(), ids=lambda each: f"{each.queue}: {each.figure}"
)
def test_a_queue_with_a_known_answer(comparison: Comparison) -> None:
    assert abs(comparison.error(REQUESTS, SEED)) < WITHIN[comparison.figure]
