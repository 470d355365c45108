import json
from typing import Any

import pytest

from policies.security.iam_trust_named import POLICY
from tests.policies.engine_input import UNKNOWN, Said
from tests.policies.engine_input import check as check_resource

ROLE = "aws:iam/role:Role"
OIDC = {"Federated": "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"}
SUB = "token.actions.githubusercontent.com:sub"
AUD = {"StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}}

CLUSTER = "oidc.eks.us-east-1.amazonaws.com/id/ABC"
EKS = {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{CLUSTER}"}
GITLAB = {"Federated": "arn:aws:iam::123456789012:oidc-provider/gitlab.com"}
GOOGLE = {"Federated": "accounts.google.com"}
COGNITO = {"Federated": "cognito-identity.amazonaws.com"}
AMAZON = {"Federated": "www.amazon.com"}


def check(principal: Any, condition: Any = None, **fields: Any) -> Said:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **fields}
    if condition is not None:
        statement["Condition"] = condition
    return of_document(json.dumps({"Version": "2012-10-17", "Statement": statement}))


def of_document(document: Any, config: dict[str, Any] | None = None) -> Said:
    props = {"assumeRolePolicy": document}
    return check_resource(POLICY, props, resource_type=ROLE, name="node", config=config)


@pytest.mark.parametrize(
    ("principal", "condition"),
    [
        ({"Service": "ec2.amazonaws.com"}, None),
        ({"Service": "pods.eks.amazonaws.com"}, {"StringEquals": {"aws:SourceAccount": "1"}}),
        ({"AWS": "arn:aws:iam::123456789012:root"}, None),
        ({"AWS": "*"}, {"StringEquals": {"aws:PrincipalOrgID": "o-abc"}}),
        (OIDC, {"StringEquals": {SUB: "repo:moe/serving:ref:refs/heads/main"}}),
        (OIDC, {"StringLike": {SUB: ["repo:moe/*"]}, **AUD}),
        (OIDC, {"StringLike": {SUB: "repo:moe/serving:environment:*"}}),
        (OIDC, {"StringLike": {SUB: "repository_owner_id:42:*"}}),
        (OIDC, {"stringlike": {SUB.upper(): "repo:moe/*"}}),
        (OIDC, {"ForAnyValue:StringLike": {SUB: ["repo:moe/a:*", "repo:moe/b:*"]}}),
        (EKS, {"StringEquals": {f"{CLUSTER}:sub": "system:serviceaccount:moe:server"}}),
        (EKS, {"StringLike": {f"{CLUSTER}:sub": "system:serviceaccount:moe:*"}}),
        (GITLAB, {"StringLike": {"gitlab.com:sub": "project_path:moe/*:ref_type:branch:*"}}),
        (GOOGLE, {"StringEquals": {"accounts.google.com:aud": "7-a.apps.googleusercontent.com"}}),
        (GOOGLE, {"StringEquals": {"accounts.google.com:sub": "109220063452404746097"}}),
        (COGNITO, {"StringEquals": {"cognito-identity.amazonaws.com:aud": "us-east-1:12-ab"}}),
        (AMAZON, {"StringEquals": {"www.amazon.com:app_id": "amzn1.application.abc"}}),
        ({"AWS": "*"}, {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/x*"}}),
        ({"AWS": "*"}, {"StringEquals": {"aws:PrincipalAccount": ["123456789012"]}}),
        ({"AWS": "*"}, {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-1/r-1/*"}}),
        ({"Federated": "arn:aws:iam::123456789012:saml-provider/okta"}, None),
    ],
)
def test_a_named_principal_is_allowed(principal: object, condition: object) -> None:
    assert check(principal, condition).nothing


@pytest.mark.parametrize(
    ("principal", "condition", "found"),
    [
        ("*", None, 'Principal "*"'),
        ({"AWS": "*"}, None, 'Principal "*"'),
        ({"AWS": ["arn:aws:iam::123456789012:root", "*"]}, None, 'Principal "*"'),
        ({"AWS": "*"}, {"StringEquals": {"sts:ExternalId": "x"}}, 'Principal "*"'),
        ({"AWS": "*"}, {"StringLike": {"aws:PrincipalOrgID": "*"}}, 'Principal "*"'),
        (OIDC, None, "without a condition that names its :sub"),
        (OIDC, AUD, "without a condition that names its :sub"),
        (OIDC, {"StringLike": {SUB: "repo:*"}}, "names its :sub"),
        (OIDC, {"StringNotLike": {SUB: "repo:evil/*"}}, "names its :sub"),
        ({"aws": "*"}, {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}, 'Principal "*"'),
        ({"AWS": "*"}, {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}, 'Principal "*"'),
        ({"AWS": "*"}, {"IpAddress": {"aws:SourceIp": ["10.0.0.1", "0.0.0.0/0"]}}, "*"),
        ({"AWS": "*"}, {"Null": {"aws:PrincipalOrgID": "true"}}, "*"),
        (OIDC, {"StringLike": {SUB: "*"}}, "without a condition that names its :sub"),
        ({"AWS": "*"}, {"Null": {"aws:PrincipalArn": "false"}}, 'Principal "*"'),
        ({"AWS": "*"}, {"StringLike": {"aws:PrincipalArn": "arn:*"}}, 'Principal "*"'),
        ({"AWS": "*"}, {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/x"}}, "*"),
        ({"AWS": "*"}, {"StringLike": {"aws:PrincipalArn": "arn:*:123456789012:*:*:*:x"}}, "*"),
        ({"AWS": "*"}, {"StringLike": {"aws:PrincipalOrgID": "o-*"}}, 'Principal "*"'),
        ({"AWS": "*"}, {"StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalAccount}"}}, "*"),
        ({"AWS": "*"}, {"StringEquals": {"aws:PrincipalAccount": []}}, 'Principal "*"'),
        ({"AWS": "*"}, {"StringEquals": {"aws:PrincipalTag/team": "moe"}}, 'Principal "*"'),
        ({"AWS": "*"}, {"StringEquals": {SUB: "repo:moe/serving:x"}}, 'Principal "*"'),
        (OIDC, {"StringLike": {SUB: "*:ref:refs/heads/main"}}, "names its :sub"),
        (OIDC, {"StringLike": {SUB: "r*"}}, "names its :sub"),
        (OIDC, {"StringLike": {SUB: "repo:mo*"}}, "names its :sub"),
        (OIDC, {"StringLike": {SUB: "repo:moe*/serving:*"}}, "names its :sub"),
        (OIDC, {"StringEquals": {SUB: "environment:production"}}, "names its :sub"),
        (OIDC, {"Null": {SUB: "false"}}, "names its :sub"),
        (OIDC, {"StringEquals": {SUB: []}}, "names its :sub"),
        (OIDC, {"StringEquals": {"foo:sub": "repo:moe/serving:x"}}, "names its :sub"),
        (OIDC, {"StringEquals": {f"evil.{SUB}": "repo:moe/serving:x"}}, "names its :sub"),
        (EKS, {"StringLike": {f"{CLUSTER}:sub": "system:serviceaccount:*:*"}}, "names its :sub"),
        (EKS, {"StringLike": {f"{CLUSTER}:sub": "system:serviceaccount:*:server"}}, "its :sub"),
        (EKS, {"StringLike": {f"{CLUSTER}:sub": "system:*"}}, "names its :sub"),
        (EKS, {"StringEquals": {SUB: "repo:moe/serving:x"}}, "names its :sub"),
        (GITLAB, {"StringLike": {"gitlab.com:sub": "project_path:*"}}, "names its :sub"),
        (GITLAB, {"StringLike": {"gitlab.com:sub": "project_path:mo*/x:*"}}, "names its :sub"),
        (GOOGLE, None, "accounts.google.com without a condition that names its :aud or :sub"),
        (GOOGLE, {"StringLike": {"accounts.google.com:aud": "*"}}, "its :aud or :sub"),
        (GOOGLE, {"StringEquals": {"www.amazon.com:app_id": "a"}}, "its :aud or :sub"),
        (COGNITO, None, "its :aud or :sub"),
        (COGNITO, {"StringLike": {"cognito-identity.amazonaws.com:aud": "us-east-1:*"}}, ":aud"),
        (
            COGNITO,
            {"StringEquals": {"cognito-identity.amazonaws.com:amr": "authenticated"}},
            "its :aud or :sub",
        ),
        (AMAZON, None, "its :aud or :sub"),
        (
            OIDC,
            {"StringLike": {SUB: ["repo:moe/serving", "*"]}},
            "without a condition that names its :sub",
        ),
    ],
)
def test_everybody_is_refused(principal: object, condition: object, found: str) -> None:
    said = check(principal, condition).only()
    assert said.startswith('Role "node", assumeRolePolicy, statement 0: found ')
    assert found in said


def test_everybody_but_some_is_refused() -> None:
    assert "NotPrincipal" in check(None, NotPrincipal={"AWS": "1"}).only()


def test_a_denial_is_allowed() -> None:
    assert check("*", Effect="Deny").nothing


def test_a_document_that_is_none_is_refused() -> None:
    assert "that is no JSON" in of_document("{").only()


def test_what_cannot_be_read_is_said() -> None:
    assert of_document(UNKNOWN).unchecked
    assert check({"AWS": {"a": 1}}).unchecked
    assert check_resource(POLICY, {}, resource_type=ROLE).unchecked
    assert check_resource(POLICY, {}).nothing


def test_names_are_the_teams_choice() -> None:
    document = json.dumps({"Statement": {"Effect": "Allow", "Principal": "*"}})
    assert of_document(document, {"exempt": ["node"]}).nothing
    assert of_document(document, {"exempt": ["other"]}).refusals
