"""The Chromium of this machine, and pages served to it as a team would publish them."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.chromium import NAMES, chromium_on_path, started

Scheme = Literal["light", "dark"]


@pytest.fixture(scope="session")
def chromium() -> Path:
    found = chromium_on_path()
    if found is None:
        pytest.skip(f"no browser on PATH: none of {', '.join(NAMES)}; .ci/run installs chromium")
    return found


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """Ended with its module: an event loop runs in this thread as long as it is open, and no other
    test of the same worker could run its own.
    """
    with started(chromium) as running:
        yield running


@dataclass
class Shown:
    """A page in the browser; what it asked for, and what it or the browser complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def focused(self) -> str:
        """Tag and first line of what has the focus."""
        return str(
            self.page.evaluate(
                "() => { const e = document.activeElement;"
                " return e.tagName.toLowerCase() + ' ' + e.innerText.split('\\n')[0].trim() }"
            )
        )

    @property
    def scrolls_sideways(self) -> bool:
        return bool(
            self.page.evaluate(
                "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
            )
        )


Show = Callable[..., Shown]


@pytest.fixture
def show(browser: Browser) -> Iterator[Show]:
    """`show(html, width=1280, scheme="light")`: the page as a web server gives it out."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.05))
        thread.start()
        contexts = []

        def shown(html: str, *, width: int = 1280, scheme: Scheme = "light") -> Shown:
            _Handler.html = html
            context = browser.new_context(
                viewport={"width": width, "height": 800}, color_scheme=scheme
            )
            contexts.append(context)
            page = context.new_page()
            each = Shown(page)
            page.on("console", lambda message: each.complaints.append(message.text))
            page.on("pageerror", lambda error: each.complaints.append(str(error)))
            page.on("dialog", lambda dialog: each.complaints.append(dialog.message))
            page.on("request", lambda request: each.requests.append(request.url))
            page.goto(f"http://127.0.0.1:{server.server_port}/status.html")
            return each

        yield shown
        for context in contexts:
            context.close()
        server.shutdown()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Answers every path with the page."""

    html = ""

    def do_GET(self) -> None:
        content = self.html.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Nothing."""
