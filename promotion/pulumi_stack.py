"""One stack of the team's own Pulumi, whatever its backend: its state, its history, its drift."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gate.formats.printable import one_line
from gate.stacks import pulumi
from gate.stacks.colours import plain
from gate.stacks.engine import Run
from promotion.errors import PromotionError
from stacks.environment import environment_of
from stacks.reading import stack_file
from stacks.released import Released

_UNKNOWN_STACK = "no stack named"
_STACK_TYPE = "pulumi:pulumi:Stack"
_ENDINGS = frozenset({"succeeded", "failed"})
"""Results of an update that has come to its end, whether or not that end has a time."""

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class State:
    """What Pulumi has on record of a stack: resources as `pulumi stack export` shows them."""

    resources: Sequence[Resource]
    pending_operations: Sequence[Mapping[str, Any]] = ()

    @property
    def is_empty(self) -> bool:
        return not self.resources

    @property
    def outputs(self) -> Mapping[str, Any]:
        stacks = (each for each in self.resources if each["type"] == _STACK_TYPE)
        return next((each.get("outputs") or {} for each in stacks), {})

    @property
    def released(self) -> Released | None:
        """What the program said that it deploys; None from a program that says nothing.

        Raises PromotionError where it said something else than this version knows.
        """
        said = self.outputs.get("release")
        try:
            return Released.model_validate(said) if said else None
        except ValidationError as error:
            reasons = "; ".join(
                f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()
            )
            raise PromotionError(
                f"output `release` is none that this program knows: {one_line(reasons)}"
            ) from None


@dataclass(frozen=True, slots=True)
class Update:
    """One entry of a stack's history; `ended` is None while it runs, and after a kill.

    `kind` is update, refresh, destroy, ...; `changes` counts resources by the engine's word.
    """

    version: int
    kind: str
    result: str
    started: datetime
    ended: datetime | None
    message: str
    changes: Mapping[str, int] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        return self.result == "succeeded"

    @property
    def is_running(self) -> bool:
        """Or it was killed: no history tells the one from the other."""
        return self.ended is None and self.result not in _ENDINGS

    @property
    def changed_anything(self) -> bool:
        return any(count for operation, count in self.changes.items() if operation != "same")


def newest_update(updates: Sequence[Update]) -> tuple[int, int]:
    """Their number and the newest version: they tell whether there was another since.

    Times would not: two machines' clocks differ.
    """
    return len(updates), max((update.version for update in updates), default=0)


@dataclass(frozen=True)
class PulumiStack:
    """Stack `name` of the program in `folder`; raises PromotionError where Pulumi cannot answer."""

    name: str
    folder: Path
    environment: Mapping[str, str]

    @classmethod
    def of(cls, name: str, folder: Path) -> "PulumiStack":
        """With the environment that the stack's own file adds."""
        return cls(name, folder, environment_of(name, folder / "stacks"))

    def in_folder(self, folder: Path) -> "PulumiStack":
        """The same stack under the program in another folder."""
        return replace(self, folder=folder)

    def state(self) -> State | None:
        """None where the backend does not know the stack."""
        result = self._ask("stack", "export")
        if result.returncode != 0:
            if _UNKNOWN_STACK in result.stderr:
                return None
            raise PromotionError(f"stack {self.name}: its state cannot be read: {_words(result)}")
        deployment = json.loads(result.stdout).get("deployment") or {}
        return State(deployment.get("resources") or (), deployment.get("pending_operations") or ())

    def updates(self) -> list[Update]:
        """All of them, the newest first; none where the backend does not know the stack."""
        # A page has ten, unless it has none: then all come at once.
        result = self._ask("stack", "history", "--json", "--full-dates", "--page-size", "0")
        if result.returncode != 0:
            if _UNKNOWN_STACK in result.stderr:
                return []
            raise PromotionError(f"stack {self.name}: its history cannot be read: {_words(result)}")
        return [_update(each) for each in json.loads(result.stdout or "[]")]

    def refresh_preview(self) -> Run:
        """What a refresh would find, with nothing written.

        With a copy of the stack's file: Pulumi writes a salt into one that has none.
        """
        file = stack_file(self.name, self.folder / "stacks")
        with tempfile.TemporaryDirectory(prefix="moe-refresh-") as private:
            copied = shutil.copy(file, private)
            return self.run("refresh", "--preview-only", "--config-file", str(copied))

    def release_lock(self) -> bool:
        """Takes the backend's lock of the stack away, whoever holds it; whether that worked."""
        return self._ask("cancel", "--yes").returncode == 0

    def run(self, *arguments: str) -> Run:
        """An operation of the engine, with its events."""
        return pulumi.run(
            [self._binary(), *arguments], self.folder, self.environment, stack=self.name
        )

    def _ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._binary(), *arguments, "--stack", self.name, "--non-interactive"],
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def _binary(self) -> str:
        binary = shutil.which("pulumi", path=self.environment.get("PATH"))
        if binary is None:
            raise PromotionError(
                "pulumi is not on PATH; install it, or bring the stack up in the sandbox:"
                " .venv/bin/moe sandbox up --stack STACK"
            )
        return binary


def _words(result: subprocess.CompletedProcess[str]) -> str:
    return plain(result.stderr.strip() or result.stdout.strip())


def _update(said: Mapping[str, Any]) -> Update:
    return Update(
        version=int(said.get("version") or 0),
        kind=said["kind"],
        result=said.get("result") or "in-progress",
        started=_time(said["startTime"]),
        ended=_time(said["endTime"]) if said.get("endTime") else None,
        message=said.get("message") or "",
        changes=said.get("resourceChanges") or {},
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
