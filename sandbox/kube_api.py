"""Reads and writes the sandbox's kube-apiserver as its administrator."""

import base64
import json
import ssl
import tempfile
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

TIMEOUT_S = 30.0


class KubeApiError(Exception):
    """The API server refused a request; `code` is the HTTP status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class KubeApi:
    """Plain requests to the API server that a kubeconfig with certificates names."""

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        user = config["users"][0]["user"]
        self._server = cluster["server"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._context = ssl.create_default_context(cadata=authority)
        # The ssl module takes a client key from a file alone.
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(base64.b64decode(user["client-certificate-data"]))
            pair.write(base64.b64decode(user["client-key-data"]))
            pair.flush()
            self._context.load_cert_chain(pair.name)

    def items(self, path: str) -> list[dict[str, Any]]:
        """The items of a list; empty where the kind is not (yet) known to the server."""
        try:
            items: list[dict[str, Any]] = self.request("GET", path)["items"]
        except KubeApiError as error:
            if error.code == 404:
                return []
            raise
        return items

    def request(
        self, method: str, path: str, body: object = None, content_type: str = "application/json"
    ) -> dict[str, Any]:
        """One request; raises KubeApiError, and OSError where no server answers."""
        request = urllib.request.Request(  # noqa: S310
            self._server + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": content_type, "Accept": "application/json"},
        )
        try:
            with urllib.request.urlopen(  # noqa: S310
                request, timeout=TIMEOUT_S, context=self._context
            ) as response:
                answer: dict[str, Any] = json.load(response)
        except HTTPError as error:
            raise KubeApiError(error.code, _message(error)) from None
        return answer


def _message(error: HTTPError) -> str:
    text = error.read().decode(errors="replace")
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text or str(error)
