"""Whatever a stack file says is accepted, or refused in words: never an exception."""

from typing import Any

from hypothesis import given, settings

from catalog import efa_image, models
from catalog.parallel_layout import refusals
from stacks import reading
from stacks.reading import Problem, SettingsError
from stacks.settings import Settings
from tests.stacks.changed import LOCAL, changed
from tests.stacks.drawn_settings import Sections, drawn_sections


def outcome(config: dict[str, Any]) -> tuple[Settings | None, list[Problem]]:
    try:
        return reading.validated(config, LOCAL), []
    except SettingsError as error:
        return None, error.problems


@given(sections=drawn_sections())
@settings(max_examples=1000, deadline=None)
def test_settings_are_accepted_or_refused_with_key_and_what_is_allowed(sections: Sections) -> None:
    accepted, problems = outcome(changed(sections))
    for problem in problems:
        assert problem.key.startswith("moe-serving:")
        assert "allowed" in problem.message
        assert problem.line is not None
    if accepted is None:
        assert problems
        return
    group = accepted.gpu_node_group
    if group.capacity.kind == "capacity_block":
        assert group.placement().kind == "none"
    if accepted.network.nat_gateways == "none":
        assert accepted.model_weights.kind != "instance_store"
    server = accepted.model_server
    assert not list(refusals(models.model(server.model), server.layout))
    assert accepted.memory_fit().fits
    assert server.most_replicas <= accepted.engines_on(group.max_nodes)
    if server.nodes_per_engine > 1:
        assert group.efa.enabled
        assert not efa_image.is_stock(server.image)
    keys = {toleration["key"] for toleration in group.tolerations()}
    assert keys >= {taint.key for taint in group.taints}
