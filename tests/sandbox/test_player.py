"""The player: scenes follow each other, and Prometheus finds targets as monitors would tell it."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.monitoring.fleet import EXAMPLE
from sandbox.monitoring.player import Player, PlayerServer
from sandbox.monitoring.scenes import SCENES
from sandbox.monitoring.targets import engine as engine_target

STEPS = 'vllm:iteration_tokens_total_count{model_name="mixtral-8x7b-instruct",engine="0"}'
FIRST = engine_target(EXAMPLE.engines[0], EXAMPLE).address


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Iterator[PlayerServer]:
    with PlayerServer(Player(EXAMPLE, speed=60, clock_s=clock)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def value(server: PlayerServer, series: str) -> float:
    text = server.player.answer(FIRST) or ""
    (line,) = [line for line in text.splitlines() if line.startswith(series)]
    return float(line.rsplit(" ", 1)[1])


def call(server: PlayerServer, method: str, path: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data, method=method)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def test_counters_go_on_from_scene_to_scene(server: PlayerServer, clock: Clock) -> None:
    clock.now_s += 20
    counted = value(server, STEPS)
    # A full swell, so the mean: 20 s of ours are 1200 s of the scene's.
    assert counted == pytest.approx(1200 * 30)
    server.player.play(SCENES["stall"])
    clock.now_s += 20
    assert value(server, STEPS) == counted
    server.player.play(SCENES["calm"])
    clock.now_s += 20
    assert value(server, STEPS) == pytest.approx(2 * counted)


def test_a_scene_is_changed_and_told(server: PlayerServer, clock: Clock) -> None:
    assert call(server, "GET", "/scene") == {"scene": "calm", "elapsed_s": 0.0}
    call(server, "PUT", "/scene", {"scene": "burst"})
    clock.now_s += 2
    assert call(server, "GET", "/scene") == {"scene": "burst", "elapsed_s": 120.0}
    wrong_ones: list[object] = [{"scene": "brust"}, {}, []]
    for wrong in wrong_ones:
        with pytest.raises(urllib.error.HTTPError, match="400"):
            call(server, "PUT", "/scene", wrong)
    assert server.player.scene.name == "burst"


def test_targets_carry_the_labels_of_their_monitors(server: PlayerServer) -> None:
    found = [
        each["labels"]
        for answer in ("true", "false")
        for each in call(server, "GET", f"/targets?honor_labels={answer}")
    ]
    assert len(found) == len(server.player.scrapes())
    (labels,) = [each for each in found if each["__metrics_path__"] == f"/scrape/{FIRST}"]
    assert labels["job"] == labels["service"] == EXAMPLE.server
    assert labels["pod"] == EXAMPLE.engines[0].pod


def test_a_target_that_is_down_answers_no_scrape(server: PlayerServer) -> None:
    with urllib.request.urlopen(f"{server.url}/scrape/{FIRST}", timeout=5) as answer:
        assert answer.read().startswith(b"# TYPE vllm:")
    server.player.play(SCENES["engine-down"])
    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.urlopen(f"{server.url}/scrape/{FIRST}", timeout=5)


def test_no_counter_falls_while_scenes_change() -> None:
    """Prometheus would take it for a restart, and the rate for a flood."""
    player = Player(EXAMPLE, speed=60)
    done = threading.Event()

    def change() -> None:
        while not done.is_set():
            for name in ("burst", "calm"):
                player.play(SCENES[name])

    with PlayerServer(player) as server:
        changing = threading.Thread(target=change)
        changing.start()
        seen = [value(server, STEPS) for _ in range(40)]
        done.set()
        changing.join()
    assert seen == sorted(seen)
