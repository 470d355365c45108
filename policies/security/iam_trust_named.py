"""A role is assumed by whom its trust policy names, and by nobody else.

With an identity provider of the web, such as that of a cluster or of GitHub, it is the
condition on the token's subject that names them: without it everybody who gets a token there
may assume the role. Of Google, Amazon, Facebook and Cognito, which IAM knows by host, the
token's audience will do, which is an app or a pool of identities.
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
"""

import re
from collections.abc import Mapping, Sequence

from pulumi_policy import PolicyConfigSchema, ResourceValidationPolicy, Severity

from policies.aws.conditions import Condition, is_fixed
from policies.aws.policy_documents import Statement, allowing
from policies.aws.roles import ROLE
from policies.choices import texts, texts_schema
from policies.reading import child, shown
from policies.review import Config, Resource, Review, of_resource

_ARN = "arn:"
_OIDC = ":oidc-provider/"
_SUBJECT = "sub"
# Claims of providers that IAM knows by host: Google and Cognito, Amazon, Facebook.
_WEB_CLAIMS = ("aud", "oaud", "sub", "app_id", "user_id", "id")

# Each owner of a repository writes what else is in the subjects of its tokens.
# https://docs.github.com/en/actions/reference/security/oidc
_GITHUB = "token.actions.githubusercontent.com"
_OF_GITHUB = re.compile(r"repo(sitory)?(_owner)?(_id)?:[^:/*?$]+([:/].*)?")
_KUBERNETES = "system:"
_OF_KUBERNETES = re.compile(r"system:serviceaccount:[^:*?$]+:.+")
# Such as project_path:<group>/... of GitLab and organization:<name>:... of Terraform.
_OF_ANOTHER = re.compile(r"[^:/*?$]+[:/][^:/*?$]+[:/].+")


def _check(review: Review, subject: Resource, config: Config) -> None:
    if subject.type != ROLE or subject.name in texts(config, "exempt"):
        return
    if len(subject.props) == 0:
        review.has_no_properties(subject.place)
        return
    place = subject.place.inside("assumeRolePolicy")
    with review.reading(place):
        for statement in allowing(review, place, child(subject.props, "assumeRolePolicy")):
            with review.reading(statement.place):
                _check_statement(review, statement)


def _check_statement(review: Review, statement: Statement) -> None:
    if "notprincipal" in statement.fields:
        found = "NotPrincipal, which lets everybody else in"
    elif statement.is_for_everybody():
        found = 'Principal "*"'
    elif unnamed := _unnamed(statement):
        found = f"{shown(', '.join(unnamed))} without a condition that names its {_claim(unnamed)}"
    else:
        return
    review.refuse(
        statement.place,
        found=found,
        allowed="accounts, roles and services by name, or a condition such as aws:PrincipalOrgID",
        fix="name who assumes the role; of an OIDC provider by a condition on the token's subject",
    )


def _unnamed(statement: Statement) -> list[str]:
    return [each for each in statement.principals("federated") if _lets_all_in(statement, each)]


def _claim(providers: Sequence[str]) -> str:
    return ":sub" if any(_OIDC in each for each in providers) else ":aud or :sub"


def _lets_all_in(statement: Statement, provider: str) -> bool:
    """Whether who has a token of this provider of the web is in; one of SAML is a company's own."""
    keys = _keys(provider)
    return bool(keys) and not any(_narrows(each, keys) for each in statement.conditions())


def _keys(provider: str) -> dict[str, str]:
    """Host of the provider by each key that says for whom its token is; none of SAML."""
    _, is_oidc, host = provider.partition(_OIDC)
    if is_oidc:
        return {f"{host}:{_SUBJECT}".lower(): host}
    if provider.startswith(_ARN):
        return {}
    return {f"{provider}:{claim}".lower(): provider for claim in _WEB_CLAIMS}


def _narrows(condition: Condition, keys: Mapping[str, str]) -> bool:
    host = keys.get(condition.key)
    if host is None or not condition.values or not condition.compares_text():
        return False
    return all(_names(host, value) for value in condition.values)


def _names(host: str, value: str) -> bool:
    """Whether a subject is named up to its owner or namespace; an audience is named in full."""
    if host.lower().startswith(_GITHUB):
        return _OF_GITHUB.fullmatch(value) is not None
    if is_fixed(value):
        return True
    pattern = _OF_KUBERNETES if value.startswith(_KUBERNETES) else _OF_ANOTHER
    return pattern.fullmatch(value) is not None


POLICY = ResourceValidationPolicy(
    name="aws-iam-trust-named",
    display_name="Roles name who assumes them",
    description="No trust policy of a role lets everybody in, by a wildcard or by an identity"
    " provider whose subjects it does not name.",
    validate=of_resource(_check),
    severity=Severity.CRITICAL,
    tags=["aws", "iam", "security"],
    remediation_steps="Name accounts, roles or services in Principal; with an OIDC provider add a"
    " StringEquals condition on its :sub.",
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html",
    config_schema=PolicyConfigSchema(
        properties={"exempt": texts_schema("Names of roles that are not judged.")}
    ),
)
