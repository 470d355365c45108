"""What the traffic is made of has the means and tails that were asked for."""

import numpy as np
import pytest

from planner.lengths import MAX_P99_TO_MEAN, Lengths
from planner.workload import Workload

CONSTANT = Lengths(mean=10, p99=10, longest=10)


@pytest.mark.parametrize("mean", [20, 250, 5000])
@pytest.mark.parametrize("ratio", [1, 1.5, 4, 6])
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


@pytest.mark.parametrize("factor", [1.0, 2.0, 4.0, 8.0, 20.0])
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


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"requests_per_s": 0.0}, "requests_per_s 0 is not allowed; allowed: more than 0"),
        ({"burst_factor": 0.5}, "burst_factor 0.5 is not allowed; allowed: 1 to 100"),
        ({"burst_factor": 1e7}, "burst_factor 1e+07 is not allowed; allowed: 1 to 100"),
        # As many changes of the rate as this would be are more than memory holds.
        ({"burst_s": 1e-7}, "burst_s 1e-07 is not allowed; allowed: 1 to 3600"),
    ],
)
def test_traffic_that_cannot_be(wrong: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        Workload(**{"requests_per_s": 1.0, **wrong}, prompt=CONSTANT, output=CONSTANT)
    assert said in str(refused.value)
