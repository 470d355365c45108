"""Published results of vLLM's benchmark, predicted from a step time that three figures made."""

import pytest

from tests.planner.published import EXPERIMENTS, Experiment, Outcome, outcomes

CALIBRATED_WITHIN = 0.02

WITHIN = {
    ("tpot", "mean"): 0.08,
    ("tpot", "p99"): 0.20,
    ("itl", "p50"): 0.10,
    ("itl", "p99"): 0.35,
    ("ttft", "mean"): 0.25,
    ("ttft", "p99"): 0.50,
    ("run", "duration"): 0.07,
}
"""What is found, rounded up: the p99 of a run of 200 requests is its second longest."""


@pytest.fixture(scope="module", params=EXPERIMENTS, ids=lambda each: each.benchmark)
def found(request: pytest.FixtureRequest) -> list[Outcome]:
    experiment: Experiment = request.param
    return outcomes(experiment)[1]


def test_the_calibration_meets_its_figures(found: list[Outcome]) -> None:
    calibrated = [each for each in found if each.calibrated]
    assert len(calibrated) == 3
    assert [each for each in calibrated if abs(each.error) > CALIBRATED_WITHIN] == []


def test_the_predictions_are_as_near_as_documented(found: list[Outcome]) -> None:
    predicted = [each for each in found if not each.calibrated]
    assert len(predicted) > 10
    assert [each for each in predicted if abs(each.error) > WITHIN[each.figure]] == []
