"""What the real engine tells of a stack that runs, and of what a preview would leave of it."""

from promotion.bill import after_preview, of_resources
from promotion.gate import Outcome
from promotion.gates.cost import judge
from promotion.pulumi_stack import PulumiStack
from tests.engine.conftest import Project


def test_cost_is_that_of_what_runs_and_rises_with_the_nodes(project: Project) -> None:
    stack = PulumiStack("local", project.folder, project.sandbox.environment())
    state = stack.state()
    assert state is not None
    before = of_resources(state.resources)
    same = after_preview(stack.run("preview").events)
    assert (before.unread, before.unpriced) == ((), {})
    assert same.counts == before.counts
    assert before.counts["p4d.24xlarge"] == 2

    project.change("cluster", system_nodes=3)
    more = after_preview(stack.run("preview").events)
    result = judge(before, more, 0.0)
    assert result.outcome is Outcome.FAILED
    assert result.details == ("m6i.xlarge: 2 -> 3, 0.38 -> 0.58 an hour",)
    assert judge(before, more, 0.2).outcome is Outcome.PASSED
