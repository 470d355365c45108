"""The bearer token of EKS: a presigned STS request, as `aws eks get-token` makes it.

Form (AWS CLI, awscli/customizations/eks/get_token.py; aws-iam-authenticator, pkg/token):
`k8s-aws-v1.` and, in URL-safe base64 without padding, a presigned URL of STS GetCallerIdentity.
Its signature covers the header `x-k8s-aws-id` with the name of the cluster.
"""

import base64
import binascii
import datetime
import hmac
import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit, urlunsplit

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

TOKEN_PREFIX = "k8s-aws-v1."  # noqa: S105 (the form, not a token)
CLUSTER_HEADER = "x-k8s-aws-id"
URL_SECONDS = 60
TOKEN_MINUTES = 14
"""EKS takes a token for 15 minutes whatever its URL says; the CLI promises one minute less."""

_ACCEPTED_MINUTES = 15
_STS_HOST = re.compile(r"^sts(\.[a-z0-9-]+)?\.amazonaws\.com(\.cn)?$")
_TIME_FORMAT = "%Y%m%dT%H%M%SZ"
_CREDENTIAL = re.compile(r"^(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/sts/aws4_request$")


class BadTokenError(Exception):
    """The token is none, or not one of this sandbox; the message says what is wrong with it."""


@dataclass(frozen=True)
class SignedToken:
    """A token taken apart: who signed what, when and for which region."""

    url: str
    access_key: str
    region: str
    signature: str
    signed_at: datetime.datetime

    def signed_for(self, cluster: str, secret_key: str) -> bool:
        """Whether the signature is that of `secret_key` for this cluster."""
        parts = urlsplit(self.url)
        kept = "&".join(p for p in parts.query.split("&") if not p.startswith("X-Amz-Signature="))
        request = AWSRequest("GET", urlunsplit(parts._replace(query=kept)))
        request.headers[CLUSTER_HEADER] = cluster
        request.context["timestamp"] = self.signed_at.strftime(_TIME_FORMAT)
        auth = SigV4QueryAuth(Credentials(self.access_key, secret_key), "sts", self.region)
        to_sign = auth.string_to_sign(request, auth.canonical_request(request))
        return hmac.compare_digest(auth.signature(to_sign, request), self.signature)


def make_token(cluster: str, region: str, credentials: Credentials, host: str | None = None) -> str:
    """A token for `cluster`, by the credentials of the caller."""
    where = host or f"sts.{region}.amazonaws.com"
    request = AWSRequest(
        "GET",
        f"https://{where}/?Action=GetCallerIdentity&Version=2011-06-15",
        headers={CLUSTER_HEADER: cluster},
    )
    SigV4QueryAuth(credentials, "sts", region, expires=URL_SECONDS).add_auth(request)
    encoded = base64.urlsafe_b64encode(str(request.url).encode()).decode()
    return TOKEN_PREFIX + encoded.rstrip("=")


def read_token(token: str, now: datetime.datetime, local_sts: str) -> SignedToken:
    """The parts of a token, checked as EKS does, except for the signature. Raises BadTokenError.

    `local_sts` is the address of the local AWS: the real AWS CLI signs a URL there when
    `AWS_ENDPOINT_URL` is set.
    """
    if not token.startswith(TOKEN_PREFIX):
        raise BadTokenError(f"it does not begin with {TOKEN_PREFIX}")
    encoded = token.removeprefix(TOKEN_PREFIX)
    try:
        url = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_").decode()
    except (binascii.Error, ValueError) as error:
        raise BadTokenError("it holds no URL") from error
    parts = urlsplit(url)
    is_local = f"{parts.scheme}://{parts.netloc}" == local_sts
    if not is_local and (parts.scheme != "https" or not _STS_HOST.match(parts.netloc)):
        raise BadTokenError("its URL is not one of STS")
    query = parse_qs(parts.query)

    def only(name: str) -> str:
        values = query.get(name, [])
        if len(values) != 1:
            raise BadTokenError(f"its URL has {len(values)} values of {name}")
        return values[0]

    if parts.path != "/" or only("Action") != "GetCallerIdentity":
        raise BadTokenError("its URL asks for something else than GetCallerIdentity")
    if CLUSTER_HEADER not in only("X-Amz-SignedHeaders").split(";"):
        raise BadTokenError(f"its signature does not cover {CLUSTER_HEADER}")
    credential = _CREDENTIAL.match(only("X-Amz-Credential"))
    if credential is None:
        raise BadTokenError("its credential is not one for STS")
    try:
        signed_at = datetime.datetime.strptime(only("X-Amz-Date"), _TIME_FORMAT)
    except ValueError as error:
        raise BadTokenError("its date cannot be read") from error
    signed_at = signed_at.replace(tzinfo=datetime.UTC)
    if abs(now - signed_at) > datetime.timedelta(minutes=_ACCEPTED_MINUTES):
        raise BadTokenError("it is older than 15 minutes")
    return SignedToken(
        url, credential["key"], credential["region"], only("X-Amz-Signature"), signed_at
    )
