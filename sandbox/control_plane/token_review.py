"""Kubernetes asks who a bearer token is, as EKS does: by a TokenReview webhook.

A token is good when the sandbox's secret key signed it for a cluster that exists. Who the caller
is, STS says; what it may do, the cluster's access entries say.
"""

import datetime
import json
import re
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from sandbox.control_plane.eks_token import BadTokenError, SignedToken, read_token
from sandbox.control_plane.pki import KeyPair
from sandbox.endpoints import Endpoints

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ADMIN_GROUP = "system:masters"
AUDIENCES = ("https://kubernetes.default.svc",)


@dataclass(frozen=True)
class Access:
    """What one cluster grants one principal: its Kubernetes name and groups."""

    username: str
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Directory:
    """What the webhook has to know of AWS, as functions so that each call sees the present.

    `clusters(region)` names the EKS clusters there; `caller(region)` is the ARN that STS gives for
    the sandbox's key; `access(cluster, arn)` is what the cluster grants, None where nothing.
    """

    clusters: Callable[[str], Iterable[str]]
    caller: Callable[[str], str]
    access: Callable[[str, str], Access | None]


class TokenReview:
    """The webhook as a WSGI application: POST a TokenReview, get it back with its status."""

    def __init__(self, endpoints: Endpoints, directory: Directory) -> None:
        self._endpoints = endpoints
        self._directory = directory

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        review = json.loads(Request(environ).get_data() or b"{}")
        answer = {
            "apiVersion": review.get("apiVersion", "authentication.k8s.io/v1"),
            "kind": "TokenReview",
            "status": self._status(review.get("spec", {}).get("token", "")),
        }
        return Response(json.dumps(answer), content_type="application/json")(
            environ, start_response
        )

    def _status(self, token: str) -> dict[str, Any]:
        try:
            now = datetime.datetime.now(datetime.UTC)
            signed = read_token(token, now, self._endpoints.moto_url)
            access = self._identify(signed)
        except BadTokenError as error:
            return {"authenticated": False, "error": f"the token is refused: {error}"}
        return {
            "authenticated": True,
            "user": {"username": access.username, "groups": list(access.groups)},
            "audiences": list(AUDIENCES),
        }

    def _identify(self, signed: SignedToken) -> Access:
        if signed.access_key != self._endpoints.access_key:
            raise BadTokenError("its access key is not the sandbox's")
        known = sorted(self._directory.clusters(signed.region))
        secret = self._endpoints.secret_key
        cluster = next((name for name in known if signed.signed_for(name, secret)), None)
        if cluster is None:
            names = ", ".join(known) or "none"
            raise BadTokenError(f"it is signed for no cluster of {signed.region} (there: {names})")
        arn = role_of(self._directory.caller(signed.region))
        access = self._directory.access(cluster, arn)
        if access is None:
            raise BadTokenError(f"{cluster} has no access entry for {arn}")
        return access


def role_of(arn: str) -> str:
    """The IAM role of an assumed-role session; any other ARN as it is.

    Access entries name roles, while STS names their sessions.
    """
    session = re.fullmatch(r"arn:([^:]+):sts::(\d+):assumed-role/([^/]+)/.+", arn)
    if session is None:
        return arn
    partition, account, role = session.groups()
    return f"arn:{partition}:iam::{account}:role/{role}"


def webhook_tls(server: KeyPair, authority: KeyPair) -> ssl.SSLContext:
    """TLS that only a client with a certificate of the sandbox's CA can speak."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(server.certificate, server.key)
    context.load_verify_locations(authority.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    return context
