"""The door of the local AWS: one key opens it, and what changes something is remembered."""

import hmac
import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from werkzeug.test import EnvironBuilder, run_wsgi_app
from werkzeug.wrappers import Response

from sandbox.aws_server.determinism import as_at
from sandbox.aws_server.journal import FORM, Change, Journal, is_read

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/")


class AwsGate:
    """A WSGI application around moto's.

    Requests are served one at a time: moto answers in milliseconds, and its ids come from one
    random source that a second request must not draw from in between.
    """

    def __init__(self, moto: "WSGIApplication", access_key: str, journal: Journal) -> None:
        self._moto = moto
        self._access_key = access_key
        self._journal = journal
        self._lock = threading.Lock()

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        if not self._admits(environ):
            return _refusal(environ)(environ, start_response)
        body = _read_body(environ)
        with self._lock:
            answer, status, headers = self._serve(environ, body)
        start_response(status, headers)
        return answer

    def replay(self, warn: Callable[[str], None]) -> int:
        """Serve every remembered change again; how many. Raises JournalError."""
        for index, change in enumerate(self._journal.changes()):
            builder = EnvironBuilder(
                method=change.method,
                path=change.path,
                query_string=change.query,
                input_stream=io.BytesIO(change.body),
            )
            environ = {**builder.get_environ(), **change.headers}
            environ["CONTENT_LENGTH"] = str(len(change.body))
            with as_at(index, change.time):
                _, status, _ = run_wsgi_app(self._moto, environ, buffered=True)
            if not _succeeded(status):
                warn(f"change {index + 1}, {change.title}, was refused in the replay: {status}")
        if self._journal.torn:
            warn("the last change was written only in part and is dropped: it was never answered")
        return self._journal.count

    def call(self, environ: "WSGIEnvironment") -> tuple[bytes, str]:
        """A request of the sandbox itself that reads; its answer and status."""
        with self._lock:
            answer, status, _ = run_wsgi_app(self._moto, environ, buffered=True)
        return b"".join(answer), status

    def _serve(self, environ: "WSGIEnvironment", body: bytes) -> tuple[list[bytes], str, Any]:
        if is_read(environ, body):
            answer, status, headers = run_wsgi_app(self._moto, environ, buffered=True)
            return list(answer), status, list(headers)
        now = time.time()
        change = Change.of_request(environ, body, now)
        with as_at(self._journal.count, now):
            answer, status, headers = run_wsgi_app(self._moto, environ, buffered=True)
            content = list(answer)
        if _succeeded(status):
            self._journal.append(change)
        return content, status, list(headers)

    def _admits(self, environ: "WSGIEnvironment") -> bool:
        given = credential_of(environ)
        return given is not None and hmac.compare_digest(given, self._access_key)


def credential_of(environ: "WSGIEnvironment") -> str | None:
    """The access key that signed a request, from its header or, presigned, from its query."""
    if found := _CREDENTIAL.search(str(environ.get("HTTP_AUTHORIZATION", ""))):
        return str(found[1])
    query = parse_qs(str(environ.get("QUERY_STRING", "")))
    if presigned := query.get("X-Amz-Credential"):
        return presigned[0].split("/", 1)[0]
    return None


def _read_body(environ: "WSGIEnvironment") -> bytes:
    """The whole body, put back for the application to read."""
    stream = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):
        body = bytes(stream.read())
    else:
        body = bytes(stream.read(int(environ.get("CONTENT_LENGTH") or 0)))
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    return body


def _succeeded(status: str) -> bool:
    return status.startswith(("2", "3"))


def _refusal(environ: "WSGIEnvironment") -> Response:
    """AWS's own answer to an unknown key, in the protocol of the request.

    The query services nest the error in XML, EC2 one level deeper than the others; the rest
    (JSON, REST) name it in a header.
    """
    said = "The security token included in the request is invalid"
    said = f"{said}: the sandbox takes only its own access key."
    is_form = str(environ.get("CONTENT_TYPE", "")).startswith(FORM)
    if is_form or "Action=" in str(environ.get("QUERY_STRING", "")):
        error = f"<Error><Code>InvalidClientTokenId</Code><Message>{said}</Message></Error>"
        body = f"<Response>{error}<Errors>{error}</Errors></Response>"
        return Response(body, status=403, content_type="text/xml")
    kind = "UnrecognizedClientException"
    return Response(
        json.dumps({"__type": kind, "message": said}),
        status=403,
        content_type="application/json",
        headers={"x-amzn-ErrorType": kind},
    )
