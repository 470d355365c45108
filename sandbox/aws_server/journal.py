"""What keeps moto's memory across a restart: every request that changed something, in order.

One JSON object a line in `.sandbox/aws/journal.jsonl`: `time` (Unix seconds), `method`, `path`,
`query`, `headers` (WSGI names) and `body` (base64). The line's number is the seed of its ids.
"""

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

READS = (
    "Describe",
    "List",
    "Get",
    "Head",
    "Lookup",
    "Search",
    "BatchGet",
    "BatchCheck",
    "Simulate",
    "Validate",
    "DecodeAuthorizationMessage",
)
# Resource Groups alone asks by POST. A POST to a bucket of such a name has a query.
ASKING_POSTS = (
    "/get-group",
    "/get-group-configuration",
    "/get-group-query",
    "/groups-list",
    "/list-group-resources",
)
FORM = "application/x-www-form-urlencoded"


class JournalError(Exception):
    """A line before the last cannot be read, so that what came after it cannot be trusted."""


@dataclass(frozen=True)
class Change:
    """One request that changed something."""

    time: float
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @classmethod
    def of_request(cls, environ: dict[str, Any], body: bytes, time: float) -> "Change":
        headers = {
            name: value
            for name, value in environ.items()
            if isinstance(value, str) and (name.startswith("HTTP_") or name == "CONTENT_TYPE")
        }
        return cls(
            time,
            environ["REQUEST_METHOD"],
            environ.get("PATH_INFO", "/"),
            environ.get("QUERY_STRING", ""),
            headers,
            body,
        )

    @property
    def title(self) -> str:
        return operation_of(self.headers, self.query, self.body) or f"{self.method} {self.path}"

    def to_line(self) -> bytes:
        fields = {**vars(self), "body": base64.b64encode(self.body).decode()}
        return json.dumps(fields, separators=(",", ":")).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> "Change":
        fields = json.loads(line)
        return cls(**{**fields, "body": base64.b64decode(fields["body"])})


class Journal:
    """Append-only; a line is on disk before the answer to its request goes out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.count = 0
        self.torn = False

    def changes(self) -> Iterator[Change]:
        """All kept changes. A torn last line (a kill in the middle of a write) is cut off.

        The caller learns of that by `torn`. Raises JournalError for any other bad line.
        """
        if not self._path.exists():
            return
        content = self._path.read_bytes()
        lines = content.split(b"\n")
        rest = lines.pop()
        good = 0
        for number, line in enumerate(lines, start=1):
            try:
                change = Change.from_line(line)
            except (ValueError, KeyError, TypeError) as error:
                if number == len(lines) and not rest:
                    rest = line
                    break
                raise JournalError(
                    f"{self._path}, line {number}, cannot be read ({error}); remove the sandbox "
                    "with its data and start again"
                ) from error
            good += len(line) + 1
            self.count += 1
            yield change
        if rest:
            self.torn = True
            with self._path.open("r+b") as file:
                file.truncate(good)
                os.fsync(file.fileno())

    def append(self, change: Change) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, change.to_line())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self.count += 1


def operation_of(headers: dict[str, Any], query: str, body: bytes) -> str | None:
    """The operation's name in the query and JSON protocols; None where method and path say it."""
    if target := headers.get("HTTP_X_AMZ_TARGET"):
        return str(target).rsplit(".", 1)[-1]
    if action := parse_qs(query).get("Action"):
        return action[0]
    is_form = str(headers.get("CONTENT_TYPE", "")).startswith(FORM)
    if is_form and (action := parse_qs(body.decode("utf-8", "replace")).get("Action")):
        return action[0]
    return None


def is_read(environ: dict[str, Any], body: bytes) -> bool:
    """Whether a request only asks. AWS names its operations by verb; REST services use methods."""
    operation = operation_of(environ, environ.get("QUERY_STRING", ""), body)
    if operation is not None:
        return operation.startswith(READS)
    if environ["REQUEST_METHOD"] == "POST":
        return environ.get("PATH_INFO") in ASKING_POSTS and not environ.get("QUERY_STRING")
    return environ["REQUEST_METHOD"] in ("GET", "HEAD", "OPTIONS")
