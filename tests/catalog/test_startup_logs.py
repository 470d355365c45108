"""The memory formula against published logs of servers that started."""

from pathlib import Path

import pytest

from benchmarks.memory_fit_errors import tables
from tests.catalog.startup_logs import StartupLog, read

DOCUMENT = Path(__file__).parents[2] / "docs" / "memory-fit.md"
LOGS = read()


def named(log: StartupLog) -> str:
    return f"{log.model.name} {log.version_name} {log.layout}"


def logs_with(key: str) -> list[StartupLog]:
    """V1 engines of models that the formula describes, whose log says `key`."""
    return [log for log in LOGS if not log.other_memory and getattr(log, key) is not None]


@pytest.mark.parametrize(
    "log", [each for each in LOGS if each.weights_gib and not each.other_shape], ids=named
)
def test_weights_are_within_one_percent(log: StartupLog) -> None:
    """Never more than there are: norms, biases and rotary tables are not counted."""
    assert log.weights_gib
    error = log.predicted_weights_gib / log.weights_gib - 1
    assert -0.01 < error < 0.001


@pytest.mark.parametrize("log", logs_with("kv_tokens"), ids=named)
def test_kv_cache_is_hardly_larger_than_said_and_at_most_eight_percent_smaller(
    log: StartupLog,
) -> None:
    """The 7 % are an engine without peer-to-peer access, whose all-reduce has no buffers."""
    assert log.kv_tokens
    assert log.predicted_kv_tokens
    error = log.predicted_kv_tokens / log.kv_tokens - 1
    assert -0.08 < error < 0.002


@pytest.mark.parametrize("log", logs_with("activations_gib"), ids=named)
def test_activations_are_within_a_tenth_of_a_gib(log: StartupLog) -> None:
    assert log.predicted_activations_gib == pytest.approx(log.activations_gib, abs=0.1)


@pytest.mark.parametrize("log", logs_with("non_torch_gib"), ids=named)
def test_libraries_take_no_more_than_is_said(log: StartupLog) -> None:
    assert log.non_torch_gib
    assert -0.01 < log.predicted_non_torch_gib - log.non_torch_gib < 0.2


def test_some_of_each_kind_are_left() -> None:
    """Reasons not to compare must not eat up what there is."""
    assert len(logs_with("kv_tokens")) >= 7
    assert len(logs_with("activations_gib")) >= 10
    assert any("A100" in log.gpu for log in logs_with("kv_tokens"))
    assert any(log.model.is_moe for log in logs_with("kv_tokens"))


def test_the_document_has_the_present_tables() -> None:
    assert tables() in DOCUMENT.read_text()
