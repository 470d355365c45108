"""What a check asks of a Pulumi engine, wherever that is."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from stacks.settings import Settings


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the engine: its events (pulumi's apitype/events.go), and what it printed."""

    exit_code: int
    events: Sequence[Mapping[str, Any]]
    output: str


class Session(Protocol):
    """One stack under check; what it creates is gone afterwards."""

    def up(self, program: Path, settings: Settings) -> Run:
        """Bring the stack of `program` up, with no policies: what a change is compared with."""

    def preview(self, program: Path, settings: Settings, policy_config: Path | None) -> Run:
        """Preview the stack of `program` with its own policies, configured by a file."""


class Engine(Protocol):
    """Gives a session for each stack."""

    works_on_copies: bool
    """Whether a program is copied first and rid of what needs an account; else it is the tree's."""

    def session(self, stack: str) -> AbstractContextManager[Session]: ...


def preview_arguments(program: Path, policy_config: Path | None) -> list[str]:
    """What every engine is told."""
    configured = ["--policy-pack-config", str(policy_config.resolve())] if policy_config else []
    return ["preview", "--policy-pack", str(program / "policies"), *configured]
