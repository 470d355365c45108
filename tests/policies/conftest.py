import pytest

from policies import declared


@pytest.fixture(autouse=True)
def _nothing_was_declared_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declared, "_inputs", {})
