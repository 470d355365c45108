"""`moe sandbox scene`: what it says where it cannot play, and how it ends."""

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cli import exit_codes, sandbox_scene
from cli.main import app
from sandbox import lifecycle
from sandbox.monitoring import present
from sandbox.monitoring.present import Monitoring, PresentAlert
from sandbox.monitoring.scene import Scene

FIRING = PresentAlert("HighKVCacheUsage", "firing", "warning", "The KV cache of m/p is full.")
CALM = Monitoring("http://127.0.0.1:1", 60, "calm", 90.0, (), ("HighKVCacheUsage",))


class Running:
    """A sandbox as far as the command looks at it."""

    endpoints = None
    prometheus_speed = 60


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["sandbox", "scene", *arguments])


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A running sandbox in which calm is played at first; the names of what is played then."""
    names = ["calm"]

    def play(_endpoints: object, scene: Scene) -> None:
        names.append(scene.name)

    def monitoring(*_: object) -> Monitoring:
        alerts = (FIRING,) if names[-1] == "kv-full" else ()
        return replace(CALM, scene=names[-1], alerts=alerts)

    monkeypatch.setattr(lifecycle, "attach", Running)
    monkeypatch.setattr(present, "play", play)
    monkeypatch.setattr(present, "monitoring", monitoring)
    return names


def test_without_prometheus_it_says_how_to_start_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "attach", lambda: None)
    result = run("burst", "--json")
    assert result.exit_code == exit_codes.ERROR
    document = json.loads(result.stdout)
    assert document["error"].endswith("`make up PROMETHEUS=1` starts it")


@pytest.mark.parametrize(
    ("name", "hint"), [("brust", "did you mean burst?"), ("zzz", "there are calm, burst, kv-full")]
)
def test_an_unknown_scene_is_one_message_with_those_that_are_meant(name: str, hint: str) -> None:
    result = run(name)
    assert result.exit_code == exit_codes.ERROR
    assert f"no scene is called {name}; {hint}" in result.output


def test_a_scene_is_played_once(played: list[str]) -> None:
    first = run("kv-full", "--json")
    assert first.exit_code == exit_codes.DONE
    document = json.loads(first.stdout)
    assert document["scene"] == "kv-full"
    assert "HighKVCacheUsage" in document["expected_alerts"]
    assert document["alerts"][0]["state"] == "firing"
    assert run("kv-full").exit_code == exit_codes.NOTHING_TO_DO
    assert run().exit_code == exit_codes.DONE
    assert played == ["calm", "kv-full"]


def test_a_prometheus_that_does_not_answer_is_told(
    played: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Monitoring:
        raise ConnectionRefusedError

    monkeypatch.setattr(present, "monitoring", refuse)
    result = run("burst")
    assert result.exit_code == exit_codes.ERROR
    assert "Prometheus does not answer; run `make up` again" in result.output
    assert played == ["calm"]


def test_alerts_are_shown_with_what_they_say_and_those_that_the_stack_lacks() -> None:
    file = io.StringIO()
    shown = replace(CALM, scene="kv-full", alerts=(FIRING, FIRING))
    sandbox_scene.show_monitoring(Console(file=file, highlight=False, width=80), shown)
    lines = file.getvalue().splitlines()
    assert "  for: 1.5 min of its own time, 60 x ours" in lines
    assert (
        "  alert: HighKVCacheUsage  state: firing  severity: warning  count: 2"
        "  one of them: The KV cache of m/p is full."
    ) in lines
    assert "  brings: HighKVCacheUsage" in lines
    (elsewhere,) = (line for line in lines if line.startswith("  brings elsewhere: "))
    assert "HighKVCacheUsage" not in elsewhere
    assert elsewhere.endswith("KVCachePreemptions: this stack has no such alert")
