"""People of promotions: their keys are made once, each test has a repository of its own."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.promotion.people import ANN, BOB, CAT, Team, new_key


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("keys")
    return {name: new_key(folder / name) for name in (ANN, BOB, CAT)}


@pytest.fixture
def team(tmp_path: Path, keys: Mapping[str, Path]) -> Team:
    team = Team(tmp_path, keys)
    team.allow(*(team.line(name) for name in keys))
    return team
