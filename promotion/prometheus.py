"""Asks a Prometheus, or what answers like one, by its HTTP API.

https://prometheus.io/docs/prometheus/latest/querying/api/
"""

import ipaddress
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from pydantic import BaseModel, Field, ValidationError

from gate.formats.printable import one_line

TOKEN_FILE = "PROMETHEUS_TOKEN_FILE"  # noqa: S105 - the name of a variable
_TOKEN = re.compile(r"[\x21-\x7e]+")
_TIMEOUT_S = 10.0
_LARGEST_BYTES = 64 * 2**20
_PIECE_BYTES = 2**16
_SHOWN = 200


class PrometheusError(Exception):
    """Says why there is no answer; never with the token."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would take the token to another address."""

    def redirect_request(self, *_given: Any, **_more: Any) -> None:
        return None


class Series(BaseModel):
    """`value` of an instant, or `values` of a range: seconds since 1970, and a number as text."""

    metric: dict[str, str]
    value: tuple[float, str] = (0.0, "")
    values: list[tuple[float, str]] = []


class AlertRule(BaseModel):
    """`health` is ok, err, or unknown before its first evaluation."""

    name: str
    health: str
    last_error: str = Field("", alias="lastError")


class AlertGroup(BaseModel):
    """`interval` is in seconds."""

    interval: float
    rules: list[AlertRule]


class _Found(BaseModel):
    result: list[Series]


class _Rules(BaseModel):
    groups: list[AlertGroup]


_Shape = TypeVar("_Shape", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Prometheus:
    """The one at `url`; a token is sent by TLS, or to this machine, and nowhere else."""

    url: str
    token: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str, environment: Mapping[str, str]) -> "Prometheus":
        """With the token from the file that PROMETHEUS_TOKEN_FILE names; raises PrometheusError."""
        file = environment.get(TOKEN_FILE)
        if not file:
            return cls(url)
        if urlsplit(url).scheme != "https" and not _is_this_machine(url):
            raise PrometheusError(
                f"{TOKEN_FILE} is set, and a token is not sent to {url}: it would be readable on"
                " the way; give an address with https"
            )
        try:
            token = Path(file).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "is no text"
            raise PrometheusError(f"{TOKEN_FILE} {file}: {reason}") from None
        # What a header cannot hold would be told in an error of Python's, token and all.
        if not _TOKEN.fullmatch(token):
            raise PrometheusError(
                f"{TOKEN_FILE} {file}: allowed is one token of visible ASCII characters"
            )
        return cls(url, token)

    def query(self, expression: str, at_s: float) -> list[Series]:
        """At one time, in seconds since 1970; raises PrometheusError, as the others do."""
        return self._ask(_Found, "query", query=expression, time=at_s).result

    def query_range(
        self, expression: str, begins_s: float, ends_s: float, step_s: float
    ) -> list[Series]:
        return self._ask(
            _Found, "query_range", query=expression, start=begins_s, end=ends_s, step=step_s
        ).result

    def alert_groups(self) -> list[AlertGroup]:
        return self._ask(_Rules, "rules", type="alert").groups

    def _ask(self, shape: type[_Shape], path: str, **parameters: str | float) -> _Shape:
        """`data` of the answer to GET `/api/v1/<path>`."""
        document = self._answer(path, parameters)
        if not isinstance(document, Mapping) or document.get("status") != "success":
            said = document.get("error") if isinstance(document, Mapping) else None
            raise PrometheusError(f"{self.url} refuses {path}: {self._shown(said or 'no reason')}")
        if document.get("warnings"):
            # Thanos and Mimir tell so of answers in which a part of the data is missing.
            raise PrometheusError(
                f"{self.url} answers {path} with a warning: {self._shown(document['warnings'])}"
            )
        try:
            return shape.model_validate(document.get("data"))
        except ValidationError as error:
            first = error.errors()[0]
            raise PrometheusError(
                f"{self.url} answers {path} with something else:"
                f" {'.'.join(map(str, first['loc'])) or 'data'}: {first['msg']}"
            ) from None

    def _answer(self, path: str, parameters: Mapping[str, str | float]) -> Any:
        query = f"?{urlencode(parameters)}" if parameters else ""
        request = urllib.request.Request(f"{self.url.rstrip('/')}/api/v1/{path}{query}")  # noqa: S310 - the settings allow http and https alone
        request.add_header("Accept", "application/json")
        if self.token is not None:
            request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        ends_s = time.monotonic() + _TIMEOUT_S
        try:
            with self._opener().open(request, timeout=_TIMEOUT_S) as response:
                return json.loads(self._body(response, ends_s))
        except urllib.error.HTTPError as error:
            with error:
                raise PrometheusError(self._status(error, ends_s)) from None
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise PrometheusError(
                f"{self.url} does not answer: {self._shown(reason or type(error).__name__)}"
            ) from None
        except ValueError:
            raise PrometheusError(f"{self.url} answers {path} with no JSON") from None

    def _opener(self) -> urllib.request.OpenerDirector:
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if _is_this_machine(self.url):
            # A proxy would be somebody else.
            handlers.append(urllib.request.ProxyHandler({}))
        return urllib.request.build_opener(*handlers)

    def _body(self, response: HTTPResponse, ends_s: float) -> bytes:
        """All of it within the time: a socket's own limit begins anew with every byte."""
        body = b""
        while piece := response.read1(_PIECE_BYTES):
            body += piece
            if time.monotonic() > ends_s:
                raise TimeoutError(f"not all of the answer came within {_TIMEOUT_S:g} s")
            if len(body) > _LARGEST_BYTES:
                raise OSError(f"its answer is longer than {_LARGEST_BYTES} bytes")
        return body

    def _status(self, error: urllib.error.HTTPError, ends_s: float) -> str:
        if error.code in (301, 302, 303, 307, 308):
            return f"{self.url} answers with a redirect, which is not followed; give its address"
        said = ""
        try:
            document = json.loads(self._body(error, ends_s))  # type: ignore[arg-type]
            said = f": {self._shown(document['error'])}"
        except (OSError, HTTPException, ValueError, KeyError, TypeError):
            said = f": {self._shown(error.reason)}"
        return f"{self.url} answers with status {error.code}{said}"

    def _shown(self, said: object) -> str:
        text = one_line(str(said))
        if self.token is not None:
            text = text.replace(self.token, "***")
        return text[:_SHOWN]


def _is_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
