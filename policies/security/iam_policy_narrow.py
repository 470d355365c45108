"""A policy names what may be done, and on what it may be done if anything is changed by it.

Reading actions may be on every resource, and so may those that IAM cannot limit to one.
A condition on the resource or on who asks narrows `Resource: "*"` too, as AWS' own policies
for controllers do by tags.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege
"""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from pulumi_policy import PolicyConfigSchema, ResourceValidationPolicy, Severity

from catalog.iam_actions import has_no_resource, is_all_of_a_service, reads_only
from policies.aws.conditions import is_fixed
from policies.aws.policy_documents import Statement, allowing
from policies.aws.roles import identity_documents
from policies.choices import texts, texts_schema
from policies.reading import shown
from policies.review import Config, Resource, Review, of_resource

_SHOWN_ACTIONS = 3


def _check(review: Review, subject: Resource, config: Config) -> None:
    if subject.name in texts(config, "exempt"):
        return
    allowed = [each.lower() for each in texts(config, "allowedActions")]
    for place, document in identity_documents(review, subject):
        for statement in allowing(review, place, document):
            with review.reading(statement.place):
                _check_statement(review, statement, allowed)


def _check_statement(review: Review, statement: Statement, allowed: Iterable[str]) -> None:
    if "notaction" in statement.fields:
        review.refuse(
            statement.place,
            found="NotAction, which allows everything else",
            allowed="Action",
            fix="name the actions that are needed",
        )
    actions = [
        action
        for action in statement.texts("action")
        if not any(fnmatchcase(action.lower(), pattern) for pattern in allowed)
    ]
    if wide := [action for action in actions if is_all_of_a_service(action)]:
        review.refuse(
            statement.place,
            found=f"Action {shown(', '.join(wide))}",
            allowed="actions by name, or of one verb such as s3:Get*",
            fix="name the actions that are needed, as CloudTrail or Access Analyzer tells them",
        )
    writing = [
        action
        for action in actions
        if not (is_all_of_a_service(action) or reads_only(action) or has_no_resource(action))
    ]
    if writing and (wide_resource := _everything(statement)) and not statement.is_narrowed():
        more = len(writing) - _SHOWN_ACTIONS
        some = ", ".join(writing[:_SHOWN_ACTIONS]) + (f" and {more} more" if more > 0 else "")
        review.refuse(
            statement.place,
            found=f"{shown(some)} on {wide_resource}",
            allowed="resources by ARN, or a condition on them such as aws:ResourceTag",
            fix="name the ARNs, or move actions that only read to a statement of their own",
        )


def _everything(statement: Statement) -> str | None:
    """What of a statement is no resource by name; a policy of an identity has one of the two."""
    if "notresource" in statement.fields:
        return "NotResource"
    wide = [each for each in statement.texts("resource") if _is_everything(each)]
    return f'Resource "{shown(wide[0])}"' if wide else None


def _is_everything(arn: str) -> bool:
    """Whether it names neither a resource nor the account and region that it lies in.

    A global service such as IAM has no region: its account is the caller's, and says nothing.
    """
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return "*" in arn
    _, _, service, region, account, resource = parts
    if _has_name(_named_part(service, account, resource)):
        return False
    return not (_has_name(service) and region and is_fixed(account))


def _named_part(service: str, account: str, resource: str) -> str:
    """What follows the type, as in role/node and log-group:/node; a bucket's ARN has no type."""
    parts = [part for part in re.split("[/:]", resource) if part]
    is_bucket = service == "s3" and not account
    return "".join(parts[:1] if is_bucket or len(parts) == 1 else parts[1:2])


def _has_name(part: str) -> bool:
    return part.strip("*?") != ""


POLICY = ResourceValidationPolicy(
    name="aws-iam-policy-narrow",
    display_name="Rights are named one by one",
    description="Policies of roles, users and groups allow no action, service or resource by"
    " wildcard, but reading and what cannot be limited to a resource.",
    validate=of_resource(_check),
    severity=Severity.HIGH,
    tags=["aws", "iam", "security"],
    remediation_steps="Name the actions, and the ARNs of the resources that they change; put a"
    " condition such as aws:ResourceTag where ARNs cannot be known.",
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",
    config_schema=PolicyConfigSchema(
        properties={
            "allowedActions": texts_schema(
                "Actions that may be on every resource, with * for any text, such"
                " as elasticloadbalancing:Create*."
            ),
            "exempt": texts_schema("Names of policies and roles that are not judged."),
        }
    ),
)
