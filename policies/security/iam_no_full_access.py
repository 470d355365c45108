"""No managed policy gives all of AWS, or all of a service.

AWS' own AdministratorAccess, PowerUserAccess and the FullAccess of each service are what a
statement with wildcards is, under a name. The stack is seen as a whole since it alone says of
an ARN that is not known yet that it is of a policy of the program's own.
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html
"""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from pulumi_policy import PolicyConfigSchema, PolicyResource, Severity, StackValidationPolicy

from policies.aws.node_groups import of_type
from policies.aws.roles import ATTACHMENTS, attached_policies
from policies.choices import texts, texts_schema
from policies.review import Config, Place, Review, of_stack, resource

_REFUSED = ("AdministratorAccess*", "PowerUserAccess", "*FullAccess", "*FullAccess[V_-]*")
_OF_AWS = re.compile(r"arn:aws[\w-]*:iam::aws:policy/(?:[\w-]+/)*(?P<name>[\w+=,.@-]+)")


def _check(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
    for member in of_type(resources, *ATTACHMENTS):
        for arn in attached_policies(review, member):
            _check_arn(review, resource(member).place, arn, texts(config, "allowedPolicies"))


def _check_arn(review: Review, place: Place, arn: Any, allowed: Sequence[str]) -> None:
    match = _OF_AWS.fullmatch(arn) if isinstance(arn, str) else None
    if match is None or match["name"] in allowed:
        return
    if any(fnmatchcase(match["name"], each) for each in _REFUSED):
        review.refuse(
            place,
            found=match["name"],
            allowed="policies that name their actions and resources",
            fix="write a policy with what is needed, or attach a narrower one of AWS",
        )


POLICY = StackValidationPolicy(
    name="aws-iam-no-full-access",
    display_name="No role may do everything",
    description="No role, user or group is given AdministratorAccess, PowerUserAccess or a managed"
    " policy of full access to a service.",
    validate=of_stack(_check),
    severity=Severity.CRITICAL,
    tags=["aws", "iam", "security"],
    remediation_steps="Attach a policy that names the actions and resources in its place.",
    url="https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",
    config_schema=PolicyConfigSchema(
        properties={
            "allowedPolicies": texts_schema(
                "Names of managed policies that may be attached all the same, such"
                " as AmazonFSxFullAccess."
            )
        }
    ),
)
