"""The engine that previews a stack as it is, and saves the plan."""

from pathlib import Path
from typing import cast

import pytest

from gate.stacks.engine import Run
from promotion.planning import PlanningEngine
from promotion.pulumi_stack import PulumiStack
from tests.promotion.moves import PlayedStack
from tests.promotion.releases import release
from tests.stacks.changed import local


@pytest.mark.parametrize("config", [None, Path("policies.json")])
def test_a_preview_is_with_the_policies_and_saves_its_plan(
    tmp_path: Path, config: Path | None
) -> None:
    stack = PlayedStack(release(1))
    engine = PlanningEngine(cast(PulumiStack, stack), tmp_path / "plan.json")
    with engine.session("dev") as session:
        run = session.preview(tmp_path, local(), config)
    assert engine.run is run
    assert run == Run(0, [], "")
    (words,) = stack.asked
    assert words[0] == "preview"
    assert words[-2:] == ("--save-plan", str(tmp_path / "plan.json"))
    assert ("--policy-pack", str(tmp_path / "policies")) == words[1:3]
    assert ("--policy-pack-config" in words) == (config is not None)


def test_it_never_brings_anything_up(tmp_path: Path) -> None:
    stack = PlayedStack(release(1))
    engine = PlanningEngine(cast(PulumiStack, stack), tmp_path / "plan.json")
    assert not engine.works_on_copies
    with pytest.raises(NotImplementedError):
        engine.up(tmp_path, local())
    assert stack.asked == []
