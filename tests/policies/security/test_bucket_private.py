import json
from typing import Any

import pytest

from policies.security.bucket_private import POLICY
from tests.policies.engine_input import UNKNOWN, Said
from tests.policies.engine_input import check as check_resource

BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
BUCKET = "aws:s3/bucket:Bucket"
ACL = "aws:s3/bucketAcl:BucketAcl"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
SWITCHES: dict[str, Any] = {
    "blockPublicAcls": True,
    "blockPublicPolicy": True,
    "ignorePublicAcls": True,
    "restrictPublicBuckets": True,
}
ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"

ODD_ADDRESS = {
    "Effect": "Allow",
    "Principal": "*",
    "Action": "s3:GetObject",
    "Condition": {"IpAddress": {"aws:SourceIp": "office"}},
}


def check(kind: str, config: dict[str, Any] | None = None, **props: Any) -> Said:
    given = {"bucket": "weights", **props}
    return check_resource(POLICY, given, resource_type=kind, name="weights", config=config)


def with_policy(**fields: Any) -> Said:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", **fields}
    return check(BUCKET_POLICY, policy=json.dumps({"Statement": [statement]}))


def test_the_components_own_are_allowed() -> None:
    assert check(BUCKET).nothing
    assert check(BLOCK, **SWITCHES).nothing
    transport = {"Bool": {"aws:SecureTransport": "false"}}
    assert with_policy(Effect="Deny", Principal="*", Condition=transport).nothing


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("value", [False, None, "false", 1])
def test_an_open_block_is_refused(switch: str, value: object) -> None:
    said = check(BLOCK, **SWITCHES | {switch: value}).only()
    assert f'"weights": found {switch} ' in said


@pytest.mark.parametrize("kind", [BUCKET, ACL])
@pytest.mark.parametrize("acl", ["public-read", "public-read-write", "authenticated-read", 7])
def test_a_public_acl_is_refused(kind: str, acl: object) -> None:
    assert f"found acl {acl}" in check(kind, acl=acl).only()


@pytest.mark.parametrize("acl", [None, "", "private", "bucket-owner-full-control"])
def test_a_private_acl_is_allowed(acl: object) -> None:
    assert check(ACL, acl=acl).nothing


def test_a_grant_to_everybody_is_refused() -> None:
    grants = [{"permission": "READ", "uri": ALL_USERS}]
    assert "found a grant to AllUsers" in check(BUCKET, grants=grants).only()
    grantees = [{"permission": "READ", "grantee": {"type": "Group", "uri": ALL_USERS}}]
    assert check(ACL, accessControlPolicy={"grants": grantees}).refusals
    assert check(BUCKET, grants=[{"id": "123", "permission": "READ"}]).nothing


@pytest.mark.parametrize(
    "fields",
    [
        {"Principal": "*"},
        {"Principal": {"AWS": ["*"]}},
        {"Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {"Principal": "*", "Condition": {"StringEquals": {"s3:x-amz-acl": "private"}}},
        {
            "Principal": "*",
            "Condition": {"StringEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}},
        },
        {
            "Principal": "*",
            "Condition": {"IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}},
        },
        {"Principal": "*", "Condition": {"StringLike": {"aws:SourceIp": "*"}}},
        {"Principal": "*", "Condition": {"StringLike": {"aws:SourceVpce": "vpce-*"}}},
        {"Principal": "*", "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}}},
        {"Principal": "*", "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::logs*"}}},
        {"NotPrincipal": {"AWS": "arn:aws:iam::123456789012:root"}},
    ],
)
def test_a_policy_for_everybody_is_refused(fields: dict[str, Any]) -> None:
    assert "found a policy that allows everybody" in with_policy(**fields).only()


@pytest.mark.parametrize(
    "fields",
    [
        {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}},
        {"Principal": {"Service": "cloudfront.amazonaws.com"}},
        {"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},
        {"Principal": "*", "Condition": {"StringEquals": {"aws:SourceVpce": "vpce-1"}}},
        {"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": ["203.0.113.0/24"]}}},
        {"Principal": "*", "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::logs"}}},
        {
            "Principal": "*",
            "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:123456789012:*"}},
        },
        {"Principal": "*", "Condition": {"StringLike": {"aws:userid": "AROA1:*"}}},
    ],
)
def test_a_policy_for_some_is_allowed(fields: dict[str, Any]) -> None:
    assert with_policy(**fields).nothing


@pytest.mark.parametrize(
    ("kind", "props"),
    [
        (BLOCK, SWITCHES | {"blockPublicAcls": UNKNOWN}),
        (BUCKET, {"acl": UNKNOWN}),
        (BUCKET, {"grants": UNKNOWN}),
        (BUCKET, {"grants": [UNKNOWN]}),
        (BUCKET_POLICY, {"policy": UNKNOWN}),
        (BUCKET_POLICY, {"policy": json.dumps({"Statement": ODD_ADDRESS})}),
    ],
)
def test_what_is_not_known_is_said(kind: str, props: dict[str, Any]) -> None:
    said = check(kind, **props)
    assert not said.refusals
    assert len(said.unchecked) == 1


def test_names_are_the_teams_choice() -> None:
    assert check(BLOCK, {"publicBuckets": ["weights"]}).nothing
    assert len(check(BLOCK, {"publicBuckets": ["site"]}).refusals) == 4


def test_without_any_properties_it_says_so() -> None:
    assert check_resource(POLICY, {}, resource_type=BLOCK).unchecked
    assert check_resource(POLICY, {}).nothing
