"""An engine for `gate.stacks.check` that previews a stack as it is, and saves the plan."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gate.stacks.engine import Run, Session, preview_arguments
from promotion.pulumi_stack import PulumiStack
from stacks.settings import Settings


class PlanningEngine:
    """`run` is the last preview; `plan` is a file that then holds what it planned."""

    works_on_copies = False

    def __init__(self, stack: PulumiStack, plan: Path) -> None:
        self._stack = stack
        self._plan = plan
        self.run: Run | None = None

    @contextmanager
    def session(self, stack: str) -> Iterator[Session]:
        yield self

    def up(self, program: Path, settings: Settings) -> Run:
        raise NotImplementedError("the state of a stack is its own")

    def preview(self, program: Path, settings: Settings, policy_config: Path | None) -> Run:
        self.run = self._stack.run(
            *preview_arguments(program, policy_config), "--save-plan", str(self._plan)
        )
        return self.run
