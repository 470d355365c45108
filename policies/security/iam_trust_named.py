"""A role is assumed by whom its trust policy names, and by nobody else.

With an identity provider of the web, such as that of a cluster or of GitHub, it is the
condition on the token's subject that names them: without it everybody who gets a token there
may assume the role.
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html
"""

import re

from pulumi_policy import PolicyConfigSchema, ResourceValidationPolicy, Severity

from policies.aws.policy_documents import Statement, allowing
from policies.aws.roles import ROLE
from policies.choices import texts, texts_schema
from policies.reading import child, shown
from policies.review import Config, Resource, Review, of_resource

_OIDC = ":oidc-provider/"
_SUBJECT = ":sub"
# Subjects of GitHub are repo:<owner>/<repository>:..., of any owner in the world.
_ANY_REPOSITORY = re.compile(r"repo:[*?].*")


def _check(review: Review, subject: Resource, config: Config) -> None:
    if subject.type != ROLE or subject.name in texts(config, "exempt"):
        return
    if len(subject.props) == 0:
        review.could_not_check(subject.place, "the engine gave none of its properties")
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
    elif (providers := _of_anybody(statement)) and not _names_subject(statement):
        found = f"{shown(', '.join(providers))} without a condition that names its {_SUBJECT}"
    else:
        return
    review.refuse(
        statement.place,
        found=found,
        allowed="accounts, roles and services by name, or a condition such as aws:PrincipalOrgID",
        fix="name who assumes the role; of an OIDC provider by a condition on the token's subject",
    )


def _of_anybody(statement: Statement) -> list[str]:
    return [each for each in statement.principals("federated") if _OIDC in each]


def _names_subject(statement: Statement) -> bool:
    return any(
        key.endswith(_SUBJECT) and not any(map(_ANY_REPOSITORY.fullmatch, values))
        for key, values in statement.conditions()
    )


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
