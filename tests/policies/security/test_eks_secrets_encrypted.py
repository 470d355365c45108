from typing import Any

import pytest

from policies.security.eks_endpoint import CLUSTER
from policies.security.eks_secrets_encrypted import POLICY
from tests.policies.engine_input import UNKNOWN, Said
from tests.policies.engine_input import check as check_resource

KEY = "arn:aws:kms:us-east-1:123456789012:key/1"


def check(encryption: Any) -> Said:
    props = {"name": "moe", "encryptionConfig": encryption}
    return check_resource(POLICY, props, resource_type=CLUSTER, name="moe")


@pytest.mark.parametrize("key", [KEY, UNKNOWN])
def test_a_key_of_ones_own_is_allowed(key: str) -> None:
    assert check({"provider": {"keyArn": key}, "resources": ["secrets"]}).nothing


@pytest.mark.parametrize(
    "encryption",
    [
        None,
        {},
        [],
        "yes",
        {"resources": ["secrets"]},
        {"provider": {"keyArn": ""}, "resources": ["secrets"]},
        {"provider": {"keyArn": KEY}},
        {"provider": {"keyArn": KEY}, "resources": ["configmaps"]},
    ],
)
def test_without_one_it_is_refused(encryption: object) -> None:
    said = check(encryption).only()
    assert said.startswith('Cluster "moe": found ')
    assert "a KMS key of your own for secrets" in said


@pytest.mark.parametrize(
    "encryption", [{"provider": {"keyArn": KEY}, "resources": r} for r in (UNKNOWN, [UNKNOWN])]
)
def test_what_is_not_known_is_said(encryption: object) -> None:
    said = check(encryption)
    assert not said.refusals
    assert len(said.unchecked) == 1


def test_without_any_properties_it_says_so() -> None:
    assert check_resource(POLICY, {}, resource_type=CLUSTER).unchecked
    assert check_resource(POLICY, {}).nothing
