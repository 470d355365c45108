"""Plays scenes: answers Prometheus' scrapes as the cluster's exporters would.

`GET /targets?honor_labels=true|false` lists what to scrape, for Prometheus' HTTP service discovery;
`GET /scrape/<job>/<instance>` answers one scrape, with 503 where the scene has that target down;
`GET /scene` tells what is played, `PUT /scene` with `{"scene": "<name>"}` changes it.
"""

import json
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from sandbox.endpoints import LOOPBACK
from sandbox.monitoring.fleet import Fleet
from sandbox.monitoring.scenes import SCENES, Scene
from sandbox.monitoring.series import Labels, Sample, Scrape, Target, exposition

_Series = tuple[str, str, frozenset[tuple[str, str]]]


class Player:
    """One scene after the other; what counts goes on counting from one to the next."""

    def __init__(
        self,
        fleet: Fleet,
        speed: int,
        *,
        began_s: float | None = None,
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        """Calm, since `began_s` on the clock or from now on."""
        self.fleet = fleet
        self._speed = speed
        self._clock_s = clock_s
        self._scene = SCENES["calm"]
        self._began_s = clock_s() if began_s is None else began_s
        self._counted: dict[_Series, float] = {}
        # A scrape that begins in one scene and ends in the next would count twice, and then fall.
        self._lock = threading.Lock()

    @property
    def scene(self) -> Scene:
        return self._scene

    @property
    def elapsed_s(self) -> float:
        """Seconds of the scene's own time."""
        return (self._clock_s() - self._began_s) * self._speed

    def play(self, scene: Scene) -> None:
        with self._lock:
            for scrape in self.scrapes():
                for sample in scrape.answer():
                    if sample.cumulative:
                        series = _series(scrape.target, sample)
                        self._counted[series] = self._counted.get(series, 0.0) + sample.value
            self._scene, self._began_s = scene, self._clock_s()

    def scrapes(self) -> list[Scrape]:
        return self._scene.scrapes(self.elapsed_s, self.fleet)

    def answer(self, address: str) -> str | None:
        """The exposition of the target at `address`; None where it is down or unknown."""
        with self._lock:
            for scrape in self.scrapes():
                if scrape.target.address == address and scrape.up:
                    answer = scrape.answer()
                    return exposition(self._going_on(scrape.target, each) for each in answer)
        return None

    def _going_on(self, target: Target, sample: Sample) -> Sample:
        if not sample.cumulative:
            return sample
        before = self._counted.get(_series(target, sample), 0.0)
        return replace(sample, value=before + sample.value)


def _series(target: Target, sample: Sample) -> _Series:
    return target.address, sample.name, frozenset(sample.labels.items())


class PlayerServer(ThreadingHTTPServer):
    """Serves a player on loopback."""

    daemon_threads = True

    def __init__(self, player: Player, port: int = 0) -> None:
        super().__init__((LOOPBACK, port), _Requests)
        self.player = player

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing where Prometheus has gone away in the middle."""
        if not isinstance(sys.exception(), ConnectionError):
            traceback.print_exc()

    def targets(self, *, honor_labels: bool) -> list[dict[str, Any]]:
        address = f"{LOOPBACK}:{self.server_port}"
        return [
            {"targets": [address], "labels": _discovered(scrape.target)}
            for scrape in self.player.scrapes()
            if scrape.target.honor_labels == honor_labels
        ]


def _discovered(target: Target) -> Labels:
    return {**target.labels, "__metrics_path__": f"/scrape/{target.address}"}


class _Requests(BaseHTTPRequestHandler):
    server: PlayerServer
    # Prometheus keeps its connections.
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path)
        player = self.server.player
        if path == "/targets":
            honor_labels = parse_qs(url.query).get("honor_labels") == ["true"]
            self._json(self.server.targets(honor_labels=honor_labels))
        elif path == "/scene":
            self._json({"scene": player.scene.name, "elapsed_s": player.elapsed_s})
        else:
            text = player.answer(path.removeprefix("/scrape/"))
            if text is not None:
                self._send(HTTPStatus.OK, "text/plain; version=0.0.4", text)
            else:
                self._send(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", f"{path}: down\n")

    def do_PUT(self) -> None:
        try:
            length = int(self.headers.get("Content-Length", 0))
            scene = SCENES[json.loads(self.rfile.read(length))["scene"]]
        except (ValueError, KeyError, TypeError):
            known = ", ".join(SCENES)
            self._send(HTTPStatus.BAD_REQUEST, "text/plain", f"known scenes: {known}\n")
            return
        self.server.player.play(scene)
        self._json({"scene": scene.name, "elapsed_s": 0.0})

    def _json(self, document: object) -> None:
        self._send(HTTPStatus.OK, "application/json", json.dumps(document))

    def _send(self, status: HTTPStatus, content_type: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: several scrapes a second would fill the log."""
