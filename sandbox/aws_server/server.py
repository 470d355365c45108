"""The local AWS as a process: moto's own server behind the sandbox's door, and the token webhook.

`python -m sandbox.aws_server.server ROOT` serves until SIGTERM. Its memory is the journal: killed
and started again, it has the same resources with the same ids.
"""

import json
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server
from werkzeug.test import EnvironBuilder

from sandbox.aws_server import additions, determinism
from sandbox.aws_server.additions import eks_endpoint
from sandbox.aws_server.gate import AwsGate
from sandbox.aws_server.journal import Journal, JournalError
from sandbox.control_plane.access_entries import granted
from sandbox.control_plane.pki import Pki
from sandbox.control_plane.token_review import Directory, TokenReview, webhook_tls
from sandbox.endpoints import LOOPBACK, Endpoints, read_endpoints
from sandbox.paths import SandboxPaths

_log = logging.getLogger("sandbox.moto")


class _Handler(MotoRequestHandler):
    """Writes one line for a refusal or an error, none for the thousands of good requests."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if not str(code).startswith(("2", "3")):
            _log.info("%s %s: %s", self.command, self.path.split("?", 1)[0], code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 after SIGTERM; 1 with a line on standard error where it cannot serve."""
    (root,) = sys.argv[1:] if arguments is None else arguments
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    paths = SandboxPaths(Path(root))
    endpoints = read_endpoints(paths)
    if endpoints is None:
        _log.error("no %s: start the sandbox instead of this process", paths.endpoints)
        return 1
    determinism.install()
    additions.install()
    eks_endpoint.answer_with(endpoints.kube_server)
    gate = AwsGate(
        DomainDispatcherApplication(create_backend_app),
        endpoints.access_key,
        Journal(paths.journal),
    )
    try:
        count = gate.replay(_log.warning)
    except JournalError as error:
        _log.error("%s", error)
        return 1
    _log.info("%d changes are in memory again", count)
    _serve(gate, endpoints, paths)
    return 0


def _serve(gate: AwsGate, endpoints: Endpoints, paths: SandboxPaths) -> None:
    pki = Pki(paths.pki)
    review = TokenReview(
        endpoints,
        Directory(
            clusters=lambda region: _clusters(gate, endpoints, region),
            caller=lambda region: _caller(gate, endpoints, region),
            access=lambda cluster, arn: granted(paths.kept, cluster, arn),
        ),
    )
    webhook = make_server(
        LOOPBACK,
        endpoints.token_review_port,
        review,
        threaded=True,
        request_handler=_Handler,
        ssl_context=webhook_tls(pki.pair("token-review-server"), pki.ca),
    )
    server = make_server(
        LOOPBACK, endpoints.moto_port, gate, threaded=True, request_handler=_Handler
    )

    def stop(number: int, frame: object) -> None:
        # From a thread: `shutdown` waits for the loop that this handler interrupts.
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    threading.Thread(target=webhook.serve_forever, daemon=True).start()
    _log.info("ready on %s", endpoints.moto_url)
    server.serve_forever()


def _clusters(gate: AwsGate, endpoints: Endpoints, region: str) -> list[str]:
    answer = _ask(gate, endpoints, "eks", region, "GET", "/clusters", "")
    return list(json.loads(answer)["clusters"])


def _caller(gate: AwsGate, endpoints: Endpoints, region: str) -> str:
    form = "Action=GetCallerIdentity&Version=2011-06-15"
    answer = _ask(gate, endpoints, "sts", region, "POST", "/", form)
    return ElementTree.fromstring(answer).findtext(".//{*}Arn") or ""  # noqa: S314


def _ask(
    gate: AwsGate,
    endpoints: Endpoints,
    service: str,
    region: str,
    method: str,
    path: str,
    form: str,
) -> bytes:
    """One reading request to moto, signed as any other and served without a socket."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
    request = AWSRequest(method, endpoints.moto_url + path, headers=kind, data=form)
    credentials = Credentials(endpoints.access_key, endpoints.secret_key)
    SigV4Auth(credentials, service, region).add_auth(request)
    headers = [(str(name), str(value)) for name, value in request.headers.items()]
    builder = EnvironBuilder(
        method=method, base_url=endpoints.moto_url, path=path, headers=headers, data=form
    )
    answer, status = gate.call(builder.get_environ())
    if not status.startswith("2"):
        raise RuntimeError(f"{service} {path} answered {status}")
    return answer


if __name__ == "__main__":
    sys.exit(main())
