from catalog.cost import Line
from promotion.bill import Bill
from promotion.gate import Outcome
from promotion.gates.cost import judge

CONTROL_PLANE = Line("EKS control plane", 1, 0.10)


def bill(nodes: int, *more: Line, unread: tuple[str, ...] = ()) -> Bill:
    return Bill((CONTROL_PLANE, Line("p4d.24xlarge", nodes, 21.957642 * nodes), *more), unread)


def test_the_same_cost_passes_with_no_rise_allowed() -> None:
    result = judge(bill(2), Bill(tuple(reversed(bill(2).lines))), 0.0)
    assert result.outcome is Outcome.PASSED
    assert result.details == ()
    assert result.evidence == (
        "44.02 now, 44.02 USD an hour after, a change of +0.00; a rise of 0.00 is allowed"
        " (promotion.max_cost_increase_usd_per_hour)"
    )


def test_less_passes() -> None:
    assert judge(bill(2), bill(1), 0.0).outcome is Outcome.PASSED


def test_a_rise_past_the_limit_fails_and_says_of_what() -> None:
    result = judge(bill(1), bill(2), 21.9)
    assert result.outcome is Outcome.FAILED
    assert "22.06 now, 44.02 USD an hour after, a change of +21.96" in result.evidence
    assert result.details == ("p4d.24xlarge: 1 -> 2, 21.96 -> 43.92 an hour",)
    assert judge(bill(1), bill(2), 21.957642).outcome is Outcome.PASSED


def test_what_is_gone_is_told_too() -> None:
    result = judge(bill(1, Line("NAT gateway", 1, 0.045)), bill(1), 0.0)
    assert result.details == ("NAT gateway: 1 -> 0, 0.04 -> 0.00 an hour",)


def test_something_new_without_a_price_cannot_be_checked() -> None:
    result = judge(bill(1), bill(1, Line("p5.48xlarge", 2, None)), 1000.0)
    assert result.outcome is Outcome.COULD_NOT_CHECK
    assert result.details == ("2 more p5.48xlarge: no price in the catalogue",)


def test_without_a_price_before_and_after_is_no_change() -> None:
    before = bill(1, Line("p5.48xlarge", 2, None))
    assert judge(before, before, 0.0).outcome is Outcome.PASSED
    more = bill(1, Line("p5.48xlarge", 3, None))
    assert judge(before, more, 0.0).details == ("1 more p5.48xlarge: no price in the catalogue",)


def test_what_cannot_be_counted_after_cannot_be_checked() -> None:
    result = judge(bill(1), bill(1, unread=('NodeGroup "gpu": no type',)), 1000.0)
    assert result.outcome is Outcome.COULD_NOT_CHECK
    assert 'NodeGroup "gpu": no type' in result.details


def test_what_could_not_be_counted_before_counts_as_nothing() -> None:
    before = bill(1, unread=('Cluster "old": no region',))
    result = judge(before, bill(2), 22.0)
    assert result.outcome is Outcome.PASSED
    assert 'not counted of what runs: Cluster "old": no region' in result.details


def test_a_stack_that_is_not_deployed_is_held_to_its_budget() -> None:
    within = judge(None, bill(1), 0.0, budget_usd_per_hour=25.0)
    assert within.outcome is Outcome.PASSED
    assert within.evidence == (
        "it is not deployed yet and would cost 22.06 USD an hour; budget.usd_per_hour is 25.00"
    )
    assert judge(None, bill(1), 1000.0, budget_usd_per_hour=22.0).outcome is Outcome.FAILED


def test_without_a_budget_the_limit_holds_for_all_of_it() -> None:
    assert judge(None, bill(1), 0.0).outcome is Outcome.FAILED
    assert judge(None, bill(1), 22.1).outcome is Outcome.PASSED


def test_the_budget_of_one_that_runs_is_for_the_policies() -> None:
    assert judge(bill(2), bill(2), 0.0, budget_usd_per_hour=1.0).outcome is Outcome.PASSED
