import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.security.iam_policy_narrow import POLICY
from tests.policies.engine_input import FUZZ, UNKNOWN, Said
from tests.policies.engine_input import check as check_resource

OF_ROLE = "aws:iam/rolePolicy:RolePolicy"
ROLE = "aws:iam/role:Role"
KINDS = [
    OF_ROLE,
    "aws:iam/policy:Policy",
    "aws:iam/userPolicy:UserPolicy",
    "aws:iam/groupPolicy:GroupPolicy",
]
BUCKET = "arn:aws:s3:::weights"


def statement(action: Any, resource: Any = "*", **fields: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **fields}


def check(*statements: Any, kind: str = OF_ROLE, **config: Any) -> Said:
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    return of_document(document, kind, config)


def of_document(document: Any, kind: str = OF_ROLE, config: dict[str, Any] | None = None) -> Said:
    props = {"name": "reader", "policy": document}
    return check_resource(POLICY, props, resource_type=kind, name="reader", config=config)


def test_the_components_own_is_allowed() -> None:
    assert check(
        statement("s3:GetObject", f"{BUCKET}/mixtral/*"),
        statement("s3:ListBucket", BUCKET, Condition={"StringLike": {"s3:prefix": ["mixtral"]}}),
    ).nothing


@pytest.mark.parametrize(
    "allowed",
    [
        statement("ec2:Describe*"),
        statement(["ec2:DescribeInstances", "autoscaling:describeTags", "S3:List*"]),
        statement(["ecr:GetAuthorizationToken", "ecr:BatchGetImage"]),
        statement(["cloudwatch:PutMetricData", "ssmmessages:OpenDataChannel", "kms:CreateKey"]),
        statement("s3:PutObject", f"{BUCKET}/*"),
        statement("s3:Put*", [f"{BUCKET}/*"]),
        statement("ec2:AttachVolume", "arn:aws:ec2:*:123456789012:volume/*"),
        statement("ec2:AttachVolume", "arn:aws:ec2:*:*:volume/vol-1"),
        statement("logs:PutLogEvents", "arn:aws:logs:us-east-1:1:*"),
        statement("logs:PutLogEvents", "arn:aws:logs:*:*:log-group:/aws/eks/*"),
        statement("iam:PassRole", "arn:aws:iam::*:role/moe-*"),
        statement("iam:TagUser", "arn:aws:iam::*:user/${aws:username}"),
        statement("sqs:SendMessage", "arn:aws:sqs:*:*:moe-*"),
        statement("apigateway:PATCH", "arn:aws:apigateway:us-east-1::/restapis/abc/*"),
        statement(
            "ec2:DeleteVolume",
            Condition={"StringLike": {"ec2:ResourceTag/kubernetes.io/cluster/moe": "owned"}},
        ),
        statement(
            "iam:PassRole",
            Condition={"StringEquals": {"iam:PassedToService": "eks.amazonaws.com"}},
        ),
        statement("ec2:DeleteTags", Condition={"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
        statement("ec2:DeleteTags", Condition={"Null": {"aws:ResourceTag/moe": "false"}}),
        statement("kms:CreateGrant", Condition={"Bool": {"kms:GrantIsForAWSResource": True}}),
        {"Effect": "Deny", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "NotAction": "iam:*", "Resource": "*"},
    ],
)
def test_reading_and_what_is_named_are_allowed(allowed: dict[str, Any]) -> None:
    assert check(allowed).nothing


@pytest.mark.parametrize(
    ("refused", "found"),
    [
        (statement("*"), "found Action *;"),
        (statement("*", BUCKET), "found Action *;"),
        (statement("*:*"), "found Action *:*;"),
        (statement("s3:*", BUCKET), "found Action s3:*;"),
        (statement("S3:**", BUCKET), "found Action S3:**;"),
        (statement(["s3:GetObject", "ec2:?*"]), "found Action ec2:?*;"),
        (statement("iam:PassRole"), 'found iam:PassRole on Resource "*"'),
        (statement("sts:AssumeRole", ["*", BUCKET]), "found sts:AssumeRole on"),
        (statement("s3:PutObject", "arn:aws:s3:::*"), "found s3:PutObject on"),
        (statement("s3:DeleteObject", "arn:aws:s3:::*/*"), 'on Resource "arn:aws:s3:::*/*"'),
        (statement("s3:DeleteObject", "arn:aws:s3:::*/config.json"), "found s3:DeleteObject on"),
        (statement("s3:PutObject", [BUCKET, "arn:*"]), 'on Resource "arn:*"'),
        (statement("iam:PassRole", "arn:aws:iam::*:role/*"), "found iam:PassRole on"),
        (statement("iam:PassRole", "arn:aws:iam::123456789012:role/*"), "found iam:PassRole on"),
        (statement("iam:PassRole", "arn:aws:iam::123456789012:*"), "found iam:PassRole on"),
        (statement("ec2:AttachVolume", "arn:aws:ec2:*:*:volume/*"), "found ec2:AttachVolume on"),
        (statement("ec2:AttachVolume", "arn:aws:*:us-east-1:1:*"), "found ec2:AttachVolume on"),
        (statement("logs:PutLogEvents", "arn:aws:logs:*:*:log-group:*:*"), "logs:PutLogEvents on"),
        (statement("apigateway:PATCH", "arn:aws:apigateway:us-east-1::/restapis/*"), "found"),
        (statement("ec2:*Volume"), "found ec2:*Volume on"),
        (statement("s3:G*"), "found s3:G* on"),
        (statement("kms:Decrypt"), "found kms:Decrypt on"),
        (
            statement(["s3:PutObject", "s3:DeleteObject", "s3:GetObject", "iam:TagRole", "ec2:A*"]),
            "found s3:PutObject, s3:DeleteObject, iam:TagRole and 1 more on",
        ),
        (
            statement("ec2:RunInstances", Condition={"Bool": {"aws:SecureTransport": "true"}}),
            "found ec2:RunInstances on",
        ),
        (
            statement("ec2:RunInstances", Condition={"StringLike": {"aws:ResourceTag/x": "*"}}),
            "found ec2:RunInstances on",
        ),
        (
            statement(
                "ec2:RunInstances",
                Condition={"IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}},
            ),
            "found ec2:RunInstances on",
        ),
        (
            statement("ec2:RunInstances", Condition={"Null": {"aws:SourceIp": "false"}}),
            "found ec2:RunInstances on",
        ),
        (statement("ec2:RunInstances", Condition={}), "found ec2:RunInstances on"),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, "found NotAction"),
        ({"Effect": "Allow", "Action": "s3:PutObject", "NotResource": BUCKET}, "on NotResource"),
        ({"effect": "Allow", "action": "*", "resource": "*"}, "found Action *;"),
        ({"Effect": "allow", "Action": "*", "Resource": "*"}, "found Action *;"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_wildcards_are_refused(refused: dict[str, Any], found: str, kind: str) -> None:
    said = check(statement("ec2:Describe*"), refused, kind=kind).only()
    assert '"reader", statement 1: ' in said
    assert found in said


def test_a_policy_inside_a_role_is_judged() -> None:
    document = json.dumps({"Statement": statement("*")})
    props = {"inlinePolicies": [{"name": "none"}, {"name": "all", "policy": document}]}
    said = check_resource(POLICY, props, resource_type=ROLE, name="node").only()
    assert said.startswith('Role "node", inlinePolicies 1, statement 0: found Action *')


def test_a_document_may_come_as_a_map() -> None:
    assert of_document({"Statement": [statement("*")]}).refusals
    said = of_document({"Statement": [statement("*"), statement(UNKNOWN), UNKNOWN]})
    assert len(said.refusals) == 1
    assert len(said.unchecked) == 2


@pytest.mark.parametrize(
    "document",
    ["{", "[]", "7", "null", "[" * 100_000, '{"Statement": []}', '{"Statement": "all"}', "{}"],
)
def test_a_document_that_is_none_is_refused(document: str) -> None:
    said = of_document(document).only()
    assert "allowed: a policy document of IAM" in said
    assert len(said) < 400


def test_a_statement_that_is_none_is_refused() -> None:
    assert "statement 0: found all" in check("all").only()


@pytest.mark.parametrize("action", [7, {"a": 1}, ["s3:GetObject", None], [["*"]]])
def test_actions_that_cannot_be_read_are_said(action: object) -> None:
    said = check(statement(action))
    assert not said.refusals
    assert "is neither text nor a list of texts" in said.unchecked[0]


def test_an_unknown_document_is_said() -> None:
    said = of_document(UNKNOWN)
    assert not said.refusals
    assert len(said.unchecked) == 1
    assert check_resource(POLICY, {}, resource_type=OF_ROLE).unchecked
    assert check_resource(POLICY, {}).nothing


def test_actions_and_names_are_the_teams_choice() -> None:
    controller = statement(["elasticloadbalancing:CreateRule", "ec2:CreateSecurityGroup"])
    allowed = ["elasticloadbalancing:Create*", "ec2:createSecurityGroup"]
    assert check(controller, allowedActions=allowed).nothing
    assert check(controller, allowedActions=allowed[:1]).refusals
    assert check(statement("*"), exempt=["reader"]).nothing


@FUZZ
@given(st.recursive(
    st.none() | st.booleans() | st.text(max_size=5) | st.sampled_from(["*", "Allow", UNKNOWN]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["Statement", "Effect", "Action", "Resource", "Condition", "NotAction"]),
        inner, max_size=4,
    ),
    max_leaves=20,
))  # fmt: skip
def test_no_document_crashes_it(document: object) -> None:
    of_document(json.dumps(document))
    of_document(document)
