"""`moe promote`, `moe rollback` and `moe up` over a repository of the test's own.

Judging is played, all that follows is real but Pulumi; the whole is in tests/engine.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from promotion.gate import GateResult, passed
from promotion.judge import Judged, Repository
from promotion.proposal import Move
from promotion.pulumi_stack import PulumiStack, State
from promotion.release import Release
from tests.promotion.moves import PlayedStack, judged_move, new_place
from tests.promotion.releases import release


@dataclass
class Place:
    """`said` is what judging will find, `source_runs` what the source says that it runs.

    `moves` is what was judged.
    """

    here: Repository
    stack: PlayedStack = field(default_factory=lambda: PlayedStack(release(2)))
    gates: Sequence[GateResult] = (passed("soak", "25 h"),)
    said: dict[str, Any] = field(default_factory=dict)
    source_runs: Release | str | None = field(default_factory=lambda: release(2))
    source_is_deployed: bool = True
    moves: list[Move] = field(default_factory=list)

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, arguments)

    def json(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        result = self.run(*arguments, "--json")
        return result.exit_code, json.loads(result.stdout)

    @contextmanager
    def judged(self, move: Move, repository: Repository) -> Iterator[Judged]:
        self.moves.append(move)
        self.stack.release = move.release
        found = judged_move(repository, self.stack, self.gates, **self.said)
        yield replace(found, proposal=replace(found.proposal, move=move))

    def source_state(self) -> State | None:
        if not self.source_is_deployed:
            return None
        runs: Any = self.source_runs
        if isinstance(runs, Release):
            runs = runs.contents.model_dump()
        return State([{"type": "pulumi:pulumi:Stack", "outputs": {"release": runs}}])


def new_command_place(root: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    place = Place(new_place(root / "repository"))
    for module in ("cli.move", "cli.promote", "cli.rollback", "cli.up", "cli.release"):
        monkeypatch.setattr(f"{module}.PACKAGE_ROOT", place.here.root)
    monkeypatch.setattr("cli.move.judged", place.judged)
    monkeypatch.setattr("cli.up.judged", place.judged)
    monkeypatch.setattr(PulumiStack, "state", lambda stack: place.source_state())
    monkeypatch.setattr(PulumiStack, "updates", lambda stack: place.stack.updates())
    monkeypatch.setenv("MOE_CACHE_DIR", str(root / "cache"))
    return place
