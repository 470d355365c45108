"""Credentials that cannot be used: one row, and none of the checks that would follow."""

from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core import set_initial_no_auth_action_count

from preflight.finding import Verdict
from tests.preflight.conftest import plan, rows


def _only_failure(**changes: Any) -> tuple[str, str]:
    found = [each for each in rows(plan(**changes)) if each.check != "settings"]
    failure = found[-1]
    assert {each.check for each in found} == {"credentials"}
    assert failure.verdict is Verdict.FAIL
    assert failure.found.endswith("the account was not looked at")
    return failure.found, failure.advice


def test_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with mock_aws(config={"core": {"mock_credentials": False}}):
        found, advice = _only_failure()
    assert found.startswith("Unable to locate credentials")
    assert "AWS_PROFILE" in advice


def test_a_profile_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "gone")
    found, _ = _only_failure()
    assert "(gone) could not be found" in found


def test_a_key_that_aws_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    found, advice = set_initial_no_auth_action_count(0)(_only_failure)()
    assert found.startswith("us-east-1 answers InvalidClientTokenId to GetCallerIdentity")
    assert "renew the credentials" in advice


def test_those_of_another_account() -> None:
    found, advice = _only_failure(aws={"account_id": "999999999999"})
    assert "of account 123456789012 (arn:aws:sts::123456789012:user/moto)" in found
    assert "use credentials of 999999999999" in advice


def test_a_region_that_is_not_enabled() -> None:
    found, advice = _only_failure(
        aws={"region": "ap-east-1"},
        network={"zones": ["ap-east-1a", "ap-east-1b"]},
        gpu_node_group={"zone": "ap-east-1a"},
    )
    assert found.startswith("ap-east-1 is not enabled")
    assert "enable-region --region-name ap-east-1" in advice
