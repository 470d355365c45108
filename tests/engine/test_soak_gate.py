"""What the real engine's history and state say of a stack that soaks."""

from catalog.alerts import rule_groups
from gate.stacks.alert_rules import deployed
from promotion.gates.soak import soaked_since
from promotion.pulumi_stack import PulumiStack
from stacks import reading
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


def test_its_state_has_the_rules_that_its_prometheus_was_given(project: Project) -> None:
    stack = PulumiStack("local", project.folder, project.sandbox.environment())
    state = stack.state()
    assert state is not None
    (found,) = deployed(state.resources)
    settings = reading.from_file("local", project.folder / "stacks")
    groups = rule_groups(settings.served(startup_s=0), settings.alerts)
    assert [rule.get("alert") or rule["record"] for rule in found.rules] == [
        rule.name for group in groups for rule in group.rules
    ]
    in_cluster = project.kube.request(
        "GET",
        "/apis/monitoring.coreos.com/v1/namespaces/monitoring/prometheusrules/vllm-kv-cache-usage",
    )
    assert found.groups == in_cluster["spec"]["groups"]
