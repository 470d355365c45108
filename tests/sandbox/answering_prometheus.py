"""A Prometheus that answers what a test wants it to."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Prometheus(ThreadingHTTPServer):
    """Answers every instant query with `value`, and keeps the queries."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Queries)
        self.value = 0
        self.queries: set[str] = set()


class _Queries(BaseHTTPRequestHandler):
    server: Prometheus

    def do_GET(self) -> None:
        self.server.queries |= set(parse_qs(urlsplit(self.path).query)["query"])
        sample = {"metric": {}, "value": [0, str(self.server.value)]}
        data = {"resultType": "vector", "result": [sample]}
        body = json.dumps({"status": "success", "data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""
