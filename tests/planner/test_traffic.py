"""What the traffic is made of has the means and tails that were asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.lengths import MAX_P99_TO_MEAN, Lengths
from planner.workload import Workload

CONSTANT = Lengths(mean=10, p99=10, longest=10)


@given(mean=st.floats(20, 5000), ratio=st.floats(1, 8))
def test_lengths_have_the_mean_and_the_tail(mean: float, ratio: float) -> None:
    lengths = Lengths(mean, mean * ratio, longest=10**7)
    drawn = lengths.sample(200_000, np.random.default_rng(1))
    assert drawn.min() >= 1
    assert drawn.mean() == pytest.approx(mean, rel=0.05)
    assert np.quantile(drawn, 0.99) == pytest.approx(mean * ratio, rel=0.06)


def test_lengths_are_cut_off() -> None:
    drawn = Lengths(100, 500, longest=500).sample(10_000, np.random.default_rng(1))
    assert drawn.max() == 500


@pytest.mark.parametrize(
    ("mean", "p99", "longest", "said"),
    [
        (0.5, 2, 10, "mean 0.5 is not allowed; allowed: 1 token or more"),
        (100, 50, 1000, "allowed: 100 (a constant) to"),
        (100, 101 * MAX_P99_TO_MEAN, 10**6, "the widest log-normal"),
        (100, 500, 400, "longest 400 with p99 500 is not allowed; allowed: 500 or more"),
    ],
)
def test_lengths_that_cannot_be(mean: float, p99: float, longest: int, said: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        Lengths(mean, p99, longest)
    assert said in str(refused.value)


@given(factor=st.sampled_from([1.0, 2.0, 4.0, 8.0, 20.0]))
def test_bursts_leave_the_mean_rate_as_it_is(factor: float) -> None:
    workload = Workload(
        requests_per_s=50, burst_factor=factor, burst_s=2, prompt=CONSTANT, output=CONSTANT
    )
    times = workload.arrivals(400_000, np.random.default_rng(3))
    assert (np.diff(times) >= 0).all()
    assert len(times) / times[-1] == pytest.approx(50, rel=0.08)
    assert workload.quiet_requests_per_s > 0


def test_a_burst_is_seen_in_the_counts() -> None:
    def spread(factor: float) -> float:
        """Variance over mean of the requests in a second: 1 for a Poisson process."""
        workload = Workload(
            requests_per_s=50, burst_factor=factor, burst_s=60, prompt=CONSTANT, output=CONSTANT
        )
        times = workload.arrivals(200_000, np.random.default_rng(4))
        counts = np.bincount(times.astype(int))[:-1]
        return float(counts.var() / counts.mean())

    assert spread(1) == pytest.approx(1, abs=0.1)
    assert spread(3) > 3
