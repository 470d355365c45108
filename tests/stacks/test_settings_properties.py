"""Whatever a stack file says is accepted, or refused in words: never an exception."""

from typing import Any

from hypothesis import given, settings

from stacks import reading
from stacks.reading import Problem, SettingsError
from stacks.settings import Settings
from tests.stacks.drawn_settings import Sections, drawn_sections

LOCAL = reading.stack_file("local")
CONFIG = reading.config_of(LOCAL)


def with_sections(sections: Sections) -> dict[str, Any]:
    config = dict(CONFIG)
    for name, values in sections.items():
        key = f"moe-serving:{name}"
        config[key] = {**config[key], **values}
    return config


def outcome(config: dict[str, Any]) -> tuple[Settings | None, list[Problem]]:
    try:
        return reading.validated(config, LOCAL), []
    except SettingsError as error:
        return None, error.problems


@given(sections=drawn_sections())
@settings(max_examples=1000, deadline=None)
def test_settings_are_accepted_or_refused_with_key_and_what_is_allowed(sections: Sections) -> None:
    accepted, problems = outcome(with_sections(sections))
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
    keys = {toleration["key"] for toleration in group.tolerations()}
    assert keys >= {taint.key for taint in group.taints}
