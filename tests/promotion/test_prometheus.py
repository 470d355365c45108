"""Answers that no Prometheus should give, and what becomes of a token."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from promotion import prometheus
from promotion.prometheus import TOKEN_FILE, Prometheus, PrometheusError
from sandbox.endpoints import LOOPBACK

TOKEN = "secret-4711"
EMPTY = {"status": "success", "data": {"resultType": "vector", "result": []}}


class Server(ThreadingHTTPServer):
    """Answers everything with the same, and keeps what it was sent."""

    status = 200
    body: bytes = json.dumps(EMPTY).encode()
    location: str | None = None
    pause_s = 0.0

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.paths: list[str] = []
        self.tokens: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.server.tokens.append(self.headers.get("Authorization"))
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        for place in range(len(self.server.body)):
            self.wfile.write(self.server.body[place : place + 1])
            self.wfile.flush()
            time.sleep(self.server.pause_s)

    def log_message(self, *_: Any) -> None:
        """Silent."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return file


def refusal(server: Server, token: str | None = None) -> str:
    with pytest.raises(PrometheusError) as error:
        Prometheus(server.url, token).query("up", 0)
    return str(error.value)


def test_a_path_of_its_own_stays(server: Server) -> None:
    Prometheus(f"{server.url}/prometheus/").query("up", 0.0)
    assert server.paths == ["/prometheus/api/v1/query?query=up&time=0.0"]


@pytest.mark.parametrize(
    ("status", "document", "words"),
    [
        (400, {"status": "error", "error": "parse error"}, "answers with status 400: parse error"),
        (503, None, "answers with status 503: Service Unavailable"),
        (401, {"message": "no"}, "answers with status 401: Unauthorized"),
        (200, {"status": "error", "error": "timed out"}, "refuses query: timed out"),
        (200, [], "refuses query: no reason"),
        (200, None, "answers query with no JSON"),
        (200, {"status": "success"}, "answers query with something else: data"),
        (200, {**EMPTY, "data": {"result": [{}]}}, "something else: result.0.metric"),
        (200, {**EMPTY, "warnings": ["store 2 is away"]}, "with a warning: ['store 2 is away']"),
    ],
)
def test_anything_but_an_answer_is_an_error(
    server: Server, status: int, document: object, words: str
) -> None:
    server.status = status
    server.body = b"<html>\x1b[31m" if document is None else json.dumps(document).encode()
    said = refusal(server)
    assert words in said
    assert server.url in said


def test_a_redirect_is_not_followed(server: Server) -> None:
    server.status, server.location = 302, f"{server.url}/login"
    assert "answers with a redirect, which is not followed" in refusal(server, TOKEN)
    assert len(server.paths) == 1


def test_an_answer_that_drips_ends(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "_TIMEOUT_S", 0.5)
    server.pause_s = 0.1
    began_s = time.monotonic()
    assert "not all of the answer came within 0.5 s" in refusal(server)
    assert time.monotonic() - began_s < 3


def test_one_that_says_nothing_ends(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "_TIMEOUT_S", 0.3)
    server.pause_s = 2.0
    assert "does not answer: timed out" in refusal(server)


def test_the_token_goes_to_this_machine_past_any_proxy(
    server: Server, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    asked = Prometheus.of(server.url, {TOKEN_FILE: str(token_file)})
    asked.query("up", 0)
    assert server.tokens == [f"Bearer {TOKEN}"]
    assert TOKEN not in repr(asked)
    Prometheus.of(server.url, {}).query("up", 0)
    assert server.tokens[1:] == [None]


def test_the_token_is_not_sent_in_the_clear(token_file: Path) -> None:
    for url in ("http://prometheus.example.com", "http://127.0.0.1.example.com"):
        with pytest.raises(PrometheusError, match="a token is not sent to"):
            Prometheus.of(url, {TOKEN_FILE: str(token_file)})
    for url in ("https://prometheus.example.com", "http://[::1]:9090", "http://localhost:9090"):
        assert Prometheus.of(url, {TOKEN_FILE: str(token_file)}).token == TOKEN


def test_a_server_that_repeats_the_token_does_not_make_it_known(server: Server) -> None:
    server.status = 403
    server.body = json.dumps({"error": f"Bearer {TOKEN} may not"}).encode()
    assert refusal(server, TOKEN).endswith("status 403: Bearer *** may not")


@pytest.mark.parametrize("content", ["", "two words", "zeile\nzwei", "schlüssel", b"\xff\xfe"])
def test_a_file_without_a_token_is_refused_and_not_shown(
    token_file: Path, content: str | bytes
) -> None:
    token_file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(PrometheusError) as error:
        Prometheus.of("https://prometheus.example.com", {TOKEN_FILE: str(token_file)})
    assert str(error.value).startswith(f"{TOKEN_FILE} {token_file}: ")
    assert not content or str(content) not in str(error.value)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(PrometheusError, match=f"{TOKEN_FILE} /none: No such file or directory"):
        Prometheus.of("https://prometheus.example.com", {TOKEN_FILE: "/none"})
