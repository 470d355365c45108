"""`.sandbox/bin/aws`: the one command of the AWS CLI that a kubeconfig of EKS runs.

`aws eks get-token --cluster-name NAME [--region REGION] [--output json]` prints an ExecCredential
(client.authentication.k8s.io/v1beta1). The real CLI gives the same answer and may be used instead.
"""

import argparse
import datetime
import json
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from botocore.credentials import Credentials

from sandbox.control_plane.eks_token import TOKEN_MINUTES, make_token

_ONLY = (
    "the sandbox's aws knows only: aws eks get-token --cluster-name NAME [--region REGION] "
    "[--output json]. For anything else install the AWS CLI; it works against the sandbox with "
    "the same environment."
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(252, f"aws: {message}\n{_ONLY}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0; as of the AWS CLI 252 for a bad command, 253 for no region or credentials."""
    parser = _Parser(prog="aws", description=_ONLY)
    parser.add_argument("--region", default=None)
    parser.add_argument("--output", choices=("json",), default="json")
    service = parser.add_subparsers(dest="service", required=True).add_parser("eks")
    command = service.add_subparsers(dest="command", required=True).add_parser("get-token")
    command.add_argument("--cluster-name", required=True)
    command.add_argument("--region", default=argparse.SUPPRESS)
    command.add_argument("--output", choices=("json",), default=argparse.SUPPRESS)
    options = parser.parse_args(arguments)

    region = options.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if not region:
        sys.stderr.write("aws: no region: give --region or set AWS_REGION\n")
        return 253
    if not key or not secret:
        sys.stderr.write("aws: no credentials: set the sandbox's environment first\n")
        return 253
    session = os.environ.get("AWS_SESSION_TOKEN")
    now = datetime.datetime.now(datetime.UTC)
    expires = now + datetime.timedelta(minutes=TOKEN_MINUTES)
    token = make_token(options.cluster_name, region, Credentials(key, secret, session))
    credential = {
        "kind": "ExecCredential",
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "spec": {},
        "status": {"expirationTimestamp": expires.strftime("%Y-%m-%dT%H:%M:%SZ"), "token": token},
    }
    sys.stdout.write(json.dumps(credential) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
