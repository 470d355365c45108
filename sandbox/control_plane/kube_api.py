"""The Kubernetes API as its administrator: plain requests with what a kubeconfig holds."""

import base64
import json
import ssl
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

TIMEOUT_S = 20
NOT_FOUND = 404


class KubeApiError(Exception):
    """An answer of the API server that is not a success, or none; `status` is 0 then."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class KubeApi:
    """Talks to the cluster of a kubeconfig's current context."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        context = _named(config, "contexts", config["current-context"])["context"]
        cluster = _named(config, "clusters", context["cluster"])["cluster"]
        user = _named(config, "users", context["user"])["user"]
        self._server = str(cluster["server"]).rstrip("/")
        self._headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if token := user.get("token"):
            self._headers["Authorization"] = f"Bearer {token}"
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if self._server.startswith("https:"):
            context_tls = _tls(cluster, user, kubeconfig.parent)
            handlers.append(urllib.request.HTTPSHandler(context=context_tls))
        self._open = urllib.request.build_opener(*handlers).open

    def items(self, path: str) -> list[dict[str, Any]]:
        """The items of a list; empty where the server does not (yet) know the kind."""
        try:
            found = self.request("GET", path)
        except KubeApiError as error:
            if error.status == NOT_FOUND:
                return []
            raise
        return cast(list[dict[str, Any]], found.get("items") or [])

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """One request and its decoded answer; raises KubeApiError."""
        request = urllib.request.Request(  # noqa: S310
            self._server + path,
            method=method,
            headers=self._headers,
            data=None if body is None else json.dumps(body).encode(),
        )
        try:
            with self._open(request, timeout=TIMEOUT_S) as answer:
                return cast(dict[str, Any], json.loads(answer.read() or b"{}"))
        except urllib.error.HTTPError as error:
            detail = error.read().decode(errors="replace")
            raise KubeApiError(error.code, f"{method} {path}: {_message(detail)}") from None
        except OSError as error:
            raise KubeApiError(0, f"{method} {self._server}{path}: {error}") from None


def _message(detail: str) -> str:
    try:
        return str(json.loads(detail)["message"])
    except (ValueError, KeyError, TypeError):
        return detail.strip()[:300] or "no message"


def _named(config: Mapping[str, Any], section: str, name: str) -> dict[str, Any]:
    entries = cast(list[dict[str, Any]], config.get(section) or [])
    return next(entry for entry in entries if entry["name"] == name)


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any], base: Path) -> ssl.SSLContext:
    authority = _pem(cluster, "certificate-authority", base)
    context = ssl.create_default_context(cadata=authority.decode() if authority else None)
    certificate, key = _pem(user, "client-certificate", base), _pem(user, "client-key", base)
    if certificate and key:
        # The ssl module reads a key from files only; the folder is the owner's and goes at once.
        with tempfile.TemporaryDirectory(dir=base) as folder:
            chain = Path(folder) / "client.pem"
            chain.touch(mode=0o600)
            chain.write_bytes(certificate + b"\n" + key)
            context.load_cert_chain(chain)
    return context


def _pem(entry: Mapping[str, Any], name: str, base: Path) -> bytes | None:
    if inline := entry.get(f"{name}-data"):
        return base64.b64decode(inline)
    return (base / entry[name]).read_bytes() if entry.get(name) else None
