from typing import Any

import pytest

from stacks import reading
from stacks.reading import SettingsError
from stacks.settings import Settings
from tests.stacks.changed import LOCAL


def with_budget(budget: Any) -> Settings:
    config = {**reading.config_of(LOCAL), "moe-serving:budget": budget}
    return reading.validated(config, LOCAL)


def test_a_stack_needs_none() -> None:
    assert reading.from_file("local").budget is None


def test_it_counts_at_the_largest_number_of_nodes() -> None:
    budget = with_budget({"usd_per_hour": 50}).budget
    assert budget is not None
    assert (budget.usd_per_hour, budget.at) == (50, "max_nodes")


@pytest.mark.parametrize(
    ("budget", "says"),
    [
        ({"usd_per_hour": 0}, "budget.usd_per_hour: 0 is not allowed; allowed: greater than 0"),
        ({"usd_per_hour": -1}, "budget.usd_per_hour: -1 is not allowed"),
        ({"usd_per_hour": float("inf")}, "budget.usd_per_hour: Infinity is not allowed"),
        ({"usd_per_hour": "fifty"}, 'budget.usd_per_hour: "fifty" is not allowed'),
        ({"usd_per_hour": 50, "at": "min_nodes"}, "max_nodes"),
        ({"usd_per_our": 50}, "did you mean usd_per_hour"),
        ({}, "budget.usd_per_hour: missing"),
    ],
)
def test_one_that_cannot_be_kept_is_refused(budget: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError) as error:
        with_budget(budget)
    assert says in str(error.value)
