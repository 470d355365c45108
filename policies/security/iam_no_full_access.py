"""No managed policy gives all of AWS, or all of a service.

AWS' own AdministratorAccess, PowerUserAccess and the FullAccess of each service are what a
statement with wildcards is, under a name.
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html
"""

import re
from fnmatch import fnmatchcase

from pulumi_policy import PolicyConfigSchema, ResourceValidationPolicy, Severity

from policies.aws.roles import attached_policies
from policies.choices import texts, texts_schema
from policies.review import Config, Resource, Review, of_resource

_REFUSED = ("AdministratorAccess*", "PowerUserAccess", "*FullAccess", "*FullAccess[V_-]*")
_OF_AWS = re.compile(r"arn:aws[\w-]*:iam::aws:policy/(?:[\w-]+/)*(?P<name>[\w+=,.@-]+)")


def _check(review: Review, subject: Resource, config: Config) -> None:
    for arn in attached_policies(review, subject):
        match = _OF_AWS.fullmatch(arn) if isinstance(arn, str) else None
        if match is None or match["name"] in texts(config, "allowedPolicies"):
            continue
        if any(fnmatchcase(match["name"], each) for each in _REFUSED):
            review.refuse(
                subject.place,
                found=match["name"],
                allowed="policies that name their actions and resources",
                fix="write a policy with what is needed, or attach a narrower one of AWS",
            )


POLICY = ResourceValidationPolicy(
    name="aws-iam-no-full-access",
    display_name="No role may do everything",
    description="No role, user or group is given AdministratorAccess, PowerUserAccess or a managed"
    " policy of full access to a service.",
    validate=of_resource(_check),
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
