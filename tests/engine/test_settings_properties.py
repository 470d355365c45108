"""Whatever a stack file says: the real engine previews it, or it is refused with a reason."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from stacks import reading
from stacks.reading import SettingsError
from tests.engine.conftest import Project
from tests.stacks.drawn_settings import drawn_sections

ENGINE_EXAMPLES = 15
"""Each costs a preview of some eight seconds; `tests/stacks` draws thousands without one."""


@pytest.fixture
def with_keda(project: Project) -> Project:
    project.with_keda()
    return project


@given(sections=drawn_sections())
@settings(
    max_examples=ENGINE_EXAMPLES,
    deadline=None,
    derandomize=True,
    # Shrinking costs a preview a step, and the drawn sections are small as they are.
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_every_accepted_combination_previews(
    with_keda: Project, sections: Mapping[str, Mapping[str, Any]]
) -> None:
    project = with_keda
    project.restore()
    for name, values in sections.items():
        project.change(name, **values)
    path = project.folder / "stacks" / "Pulumi.local.yaml"
    try:
        reading.validated(reading.config_of(path), path)
        refusals = []
    except SettingsError as error:
        refusals = [problem.message for problem in error.problems]

    result = project.preview()
    said = result.stdout + result.stderr
    assert "Traceback" not in said
    assert "policy itself failed" not in said
    if refusals:
        assert result.returncode != 0
        assert all(message in said for message in refusals), said
    else:
        assert result.returncode == 0 or "[mandatory]" in said, said
