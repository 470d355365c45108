"""An account in moto, in this process, where a stack changed as a test wants it would come up."""

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any

import boto3
import pytest
from moto import mock_aws
from ruamel.yaml import YAML

from preflight import run
from preflight.check import Check
from preflight.clients import Clients
from preflight.finding import Finding, Verdict
from preflight.plan import Plan
from sandbox.aws_server import additions
from stacks import reading

ACCOUNT = "123456789012"
REGION = "us-east-1"
ZONE = "us-east-1a"
LOCAL = reading.stack_file("local")


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """moto's account, and nothing of the caller's own."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    additions.install()
    with mock_aws():
        yield


@pytest.fixture
def ec2() -> Any:
    return boto3.client("ec2")


@pytest.fixture
def s3() -> Any:
    return boto3.client("s3")


def plan(**changes: dict[str, Any]) -> Plan:
    """Stack `local` without anything to warn of, then with these keys of sections changed."""
    config = copy.deepcopy(dict(YAML(typ="safe").load(LOCAL)["config"]))
    quiet: dict[str, dict[str, Any]] = {
        "gpu_node_group": {"efa": {"enabled": False}},
        "cluster": {"public_endpoint_cidrs": ["203.0.113.0/24"]},
    }
    for section, values in [*quiet.items(), *changes.items()]:
        config.setdefault(f"moe-serving:{section}", {}).update(values)
    return Plan("local", reading.validated(config, LOCAL))


def rows(of: Plan) -> list[Finding]:
    """All that is found, as a person sees it."""
    return list(run.findings(of))


def rows_of(check: Check, of: Plan) -> list[Finding]:
    """What one check finds."""
    return list(check.look(of, _clients(of.region)))


def row_of(check: Check, of: Plan) -> Finding:
    """The one row of a check that is not ok, or the one that is there."""
    found = rows_of(check, of)
    (only,) = [each for each in found if each.verdict is not Verdict.OK] or found
    return only


@cache
def _clients(region: str) -> Clients:
    """Made once: botocore reads a large model of EC2 for each."""
    return Clients.connect(region)
