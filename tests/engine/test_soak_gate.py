"""What the real engine's history says of a stack that soaks."""

from promotion.gates.soak import soaked_since
from promotion.pulumi_stack import PulumiStack
from tests.engine.conftest import Project


def test_a_refresh_that_finds_nothing_lets_it_soak_on_and_a_change_does_not(
    project: Project,
) -> None:
    stack = PulumiStack("local", project.folder, project.sandbox.environment())
    before = soaked_since(stack.updates())
    assert before is not None
    refreshed = project.pulumi("refresh", "--yes", "--skip-preview")
    assert refreshed.returncode == 0, refreshed.stderr
    assert stack.updates()[0].kind == "refresh"
    assert soaked_since(stack.updates()) == before

    project.change("model_server", replicas=2)
    try:
        assert project.up().returncode == 0
        after = soaked_since(stack.updates())
    finally:
        project.restore()
        up = project.up()
    assert up.returncode == 0, up.stdout + up.stderr
    assert after is not None
    assert after > before
