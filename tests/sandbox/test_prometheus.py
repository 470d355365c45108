"""The deployed rules in a real Prometheus: each scene brings its alerts, and no others.

Every scene has a Prometheus of its own, and all of them run at the same time: calm, the scene, calm
again, on a clock that runs `SPEED` times as fast (`sandbox.monitoring.compressed_time`).
"""

import gc
import json
import math
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from catalog.alerts.scenes.scene import RUNBOOK_URL, SERVED, alerts, groups
from sandbox.endpoints import LOOPBACK, free_ports
from sandbox.monitoring.compressed_time import compressed_groups
from sandbox.monitoring.configuration import command, configuration
from sandbox.monitoring.fleet import EXAMPLE
from sandbox.monitoring.history import write_history
from sandbox.monitoring.player import Player, PlayerServer
from sandbox.monitoring.scenes import SCENES, Scene
from sandbox.toolchain.ensure import PrometheusTools
from tests.sandbox.conftest import eventually

SPEED = 20
"""Faster, and two cores that have other tests to run miss scrapes."""
HISTORY_S = 3 * 86400
"""The longest window of a rule."""
CALM_BEFORE_S = 300
SETTLING_S = 120
"""A scrape or two: until then one target tells of the new scene and another of the old."""
CALM_AFTER_S = 4800
"""At most; all of the scene's own time."""
POLL_S = 0.3
FLEET = replace(
    EXAMPLE,
    namespace=SERVED.namespace,
    server=SERVED.model_name,
    # The pods that answer, where engines span nodes.
    engines=tuple(
        replace(engine, pod=f"{SERVED.model_name}-group-{place}")
        for place, engine in enumerate(EXAMPLE.engines)
    ),
)

State = tuple[str, str]
"""An alert's name, and `pending` or `firing`."""


class Api:
    """The API of a Prometheus."""

    def __init__(self, port: int) -> None:
        self._url = f"http://{LOOPBACK}:{port}/api/v1"

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self._url}/{path}", timeout=20) as answer:
            return json.load(answer)["data"]

    def rules(self) -> list[dict[str, Any]]:
        return [rule for group in self.get("rules")["groups"] for rule in group["rules"]]

    def states(self) -> set[State]:
        """Of now."""
        return {
            (alert["labels"]["alertname"], alert["state"]) for alert in self.get("alerts")["alerts"]
        }

    def history(self, since_s: float, until_s: float) -> list[State]:
        """In the order in which they came: what Prometheus noted at each evaluation."""
        past_s = math.ceil(time.time() - since_s) + 1
        seen: dict[State, float] = {}
        for series in self.get(f"query?query=ALERTS[{past_s}s]")["result"]:
            labels = series["metric"]
            times = [at_s for at_s, _ in series["values"] if since_s <= at_s < until_s]
            if times:
                state = (labels["alertname"], labels["alertstate"])
                seen[state] = min(times[0], seen.get(state, math.inf))
        return sorted(seen, key=lambda state: seen[state])

    def targets_up(self) -> int:
        try:
            targets = self.get("targets")["activeTargets"]
        except OSError:
            return 0
        return sum(target["health"] == "up" for target in targets)


@dataclass
class Watched:
    """What one Prometheus showed, in the order in which it came."""

    before: list[State] = field(default_factory=list)
    settling: list[State] = field(default_factory=list)
    during: list[State] = field(default_factory=list)
    after: list[State] = field(default_factory=list)
    left: set[State] = field(default_factory=set)
    rules: list[dict[str, Any]] = field(default_factory=list)
    """As Prometheus tells of them at the end of the scene."""


def started(tools: PrometheusTools, folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """The process, and the port on which it is the one that listens.

    Whoever else was told that the port is free may have it by now, another Prometheus for one.
    """
    for _ in range(5):
        (port,) = free_ports(1)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command(tools.prometheus, folder, port, SPEED), stdout=log, stderr=log
            )
        while process.poll() is None:
            if port in _listening(process.pid):
                return process, port
            time.sleep(0.1)
    raise AssertionError((folder / "log").read_text())


def _listening(pid: int) -> set[int]:
    with suppress(psutil.NoSuchProcess):
        return {
            each.laddr.port
            for each in psutil.Process(pid).net_connections("tcp")
            if each.status == psutil.CONN_LISTEN
        }
    return set()


@contextmanager
def prometheus(tools: PrometheusTools, player: PlayerServer, folder: Path) -> Iterator[Api]:
    """A Prometheus with the rules as they are deployed, on a faster clock.

    It gets them once it has scraped everything: before, what is not known yet is absent.
    """
    rules = folder / "rules"
    rules.mkdir(parents=True)
    (folder / "prometheus.json").write_text(configuration(rules, player.url, SPEED))
    process, port = started(tools, folder)
    try:
        api = Api(port)
        everything = len(player.player.scrapes())
        eventually(api.targets_up, lambda up: up == everything, seconds=60)
        deployed = [group.as_dict(RUNBOOK_URL) for group in groups()]
        (rules / "all.json").write_text(json.dumps({"groups": compressed_groups(deployed, SPEED)}))
        eventually(api.rules)
        yield api
    finally:
        process.terminate()
        process.wait(timeout=20)


def watch(scene: Scene, tools: PrometheusTools, folder: Path, began_s: float) -> Watched:
    seen = Watched()
    with PlayerServer(Player(FLEET, SPEED, began_s=began_s)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with prometheus(tools, server, folder) as api:
            ruled_s = time.time()
            time.sleep(CALM_BEFORE_S / SPEED)
            played_s = time.time()
            server.player.play(scene)
            time.sleep(scene.lasts_s / SPEED)
            seen.rules = api.rules()
            calm_s = time.time()
            server.player.play(SCENES["calm"])
            _rest(api)
            seen.left = api.states()
            settled_s = played_s + SETTLING_S / SPEED
            seen.before = api.history(ruled_s, played_s)
            seen.settling = api.history(played_s, settled_s)
            seen.during = api.history(settled_s, calm_s)
            seen.after = api.history(calm_s + SETTLING_S / SPEED, time.time())
        server.shutdown()
    return seen


def _rest(api: Api) -> None:
    """Waits until no alert is pending or firing, `CALM_AFTER_S` at most."""
    end = time.monotonic() + CALM_AFTER_S / SPEED
    time.sleep(SETTLING_S / SPEED)
    while time.monotonic() < end and api.states():
        time.sleep(POLL_S)


@pytest.fixture(scope="module")
def watched(
    prometheus_tools: PrometheusTools, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Watched]:
    """All scenes, watched at the same time."""
    # The players are threads here, and are scraped several times a second: with all that other
    # tests have left, a collection halts them for longer than that.
    gc.freeze()
    folder = tmp_path_factory.mktemp("prometheus")
    now_s = time.time()
    began_s = now_s - HISTORY_S / SPEED
    history = folder / "history"
    write_history(
        prometheus_tools.promtool,
        SCENES["calm"],
        FLEET,
        history,
        began_s=began_s,
        ends_s=now_s,
        speed=SPEED,
    )
    for name in SCENES:
        shutil.copytree(history, folder / name / "data")
    with ThreadPoolExecutor(len(SCENES)) as pool:
        found = {
            name: pool.submit(watch, scene, prometheus_tools, folder / name, began_s)
            for name, scene in SCENES.items()
        }
        return {name: future.result() for name, future in found.items()}


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())
def test_a_scene_brings_its_alerts_and_no_others(scene: Scene, watched: dict[str, Watched]) -> None:
    seen = watched[scene.name]
    assert seen.before == []
    expected = scene.alerts & set(alerts())
    assert {alert for alert, _ in seen.during} == expected
    for alert in expected:
        states = [state for name, state in (*seen.settling, *seen.during) if name == alert]
        assert (states[0], states[-1]) == ("pending", "firing")
    assert {alert for alert, state in seen.settling if state == "firing"} <= expected
    assert {alert for alert, _ in seen.after} <= expected
    assert seen.left == set()


def test_prometheus_evaluates_every_rule(watched: dict[str, Watched]) -> None:
    for seen in watched.values():
        assert len(seen.rules) == sum(len(group.rules) for group in groups())
        assert [rule for rule in seen.rules if rule["health"] != "ok"] == []
