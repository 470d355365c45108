"""The team's own Pulumi: its login, its state, its account."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gate.stacks.engine import Run, Session, preview_arguments
from gate.stacks.pulumi import run
from stacks.environment import environment_of
from stacks.settings import Settings


class NoPulumiError(Exception):
    """`pulumi` is not on PATH."""


class LiveEngine:
    """Previews in the tree itself, against the state that the stack really has."""

    works_on_copies = False

    @contextmanager
    def session(self, stack: str) -> Iterator[Session]:
        environment = environment_of(stack)
        binary = shutil.which("pulumi", path=environment.get("PATH"))
        if binary is None:
            raise NoPulumiError("--live: pulumi is not on PATH; install it, or leave --live out")
        yield _LiveSession(binary, stack, environment)


class _LiveSession:
    def __init__(self, binary: str, stack: str, environment: Mapping[str, str]) -> None:
        self._binary = binary
        self._stack = stack
        self._environment = environment

    def up(self, program: Path, settings: Settings) -> Run:
        raise NotImplementedError("the state of a live stack is its own")

    def preview(self, program: Path, settings: Settings, policy_config: Path | None) -> Run:
        command = [self._binary, *preview_arguments(program, policy_config)]
        return run(command, program, self._environment, stack=self._stack)
