"""No bucket is open to everybody: not by its access block, its ACL, or its policy.

S3 blocks public access to a bucket, has no ACLs and encrypts each object where a program
says nothing of it; so what is refused is what opens it again. Each switch of a
BucketPublicAccessBlock is off where it is left out.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
"""

from pulumi_policy import PolicyConfigSchema, ResourceValidationPolicy, Severity

from policies.aws.policy_documents import allowing
from policies.choices import texts, texts_schema
from policies.reading import child, elements, is_true, known, shown
from policies.review import Config, Resource, Review, of_resource

_BLOCKS = (
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock",
)
_SWITCHES = (
    "blockPublicAcls",
    "blockPublicPolicy",
    "ignorePublicAcls",
    "restrictPublicBuckets",
)
# V2 is what pulumi_aws called them up to its version 6.
_BUCKETS = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
_ACLS = ("aws:s3/bucketAcl:BucketAcl", "aws:s3/bucketAclV2:BucketAclV2")
_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
_TYPES = frozenset({*_BLOCKS, *_BUCKETS, *_ACLS, _POLICY})
_PRIVATE_ACLS = (
    *("private", "aws-exec-read", "bucket-owner-read", "bucket-owner-full-control"),
    "log-delivery-write",
)
_EVERYBODY = ("global/AllUsers", "global/AuthenticatedUsers")


def _check(review: Review, subject: Resource, config: Config) -> None:
    if subject.type not in _TYPES or subject.name in texts(config, "publicBuckets"):
        return
    if len(subject.props) == 0:
        review.has_no_properties(subject.place)
        return
    if subject.type in _BLOCKS:
        for switch in _SWITCHES:
            with review.reading(subject.place):
                if not is_true(value := child(subject.props, switch)):
                    _refuse(review, subject, f"{switch} {shown(value)}", "true")
        return
    with review.reading(subject.place):
        if (acl := child(subject.props, "acl")) not in (None, "", *_PRIVATE_ACLS):
            _refuse(review, subject, f"acl {shown(acl)}", "private, or none")
    for path in (("grants",), ("accessControlPolicy", "grants")):
        with review.reading(subject.place):
            for grant in elements(child(subject.props, *path)):
                with review.reading(subject.place):
                    _check_grant(review, subject, known(grant))
    with review.reading(subject.place):
        for statement in allowing(review, subject.place, child(subject.props, "policy")):
            with review.reading(statement.place):
                if statement.is_for_everybody():
                    _refuse(review, subject, "a policy that allows everybody", "principals by name")


def _check_grant(review: Review, subject: Resource, grant: object) -> None:
    uri = child(grant, "uri") or child(grant, "grantee", "uri")
    if isinstance(uri, str) and uri.endswith(_EVERYBODY):
        _refuse(review, subject, f"a grant to {uri.rpartition('/')[2]}", "grants to accounts")


def _refuse(review: Review, subject: Resource, found: str, allowed: str) -> None:
    review.refuse(
        subject.place,
        found=found,
        allowed=allowed,
        fix="keep the bucket private, and give each reader a role",
    )


POLICY = ResourceValidationPolicy(
    name="aws-s3-bucket-private",
    display_name="Buckets are private",
    description="No access block, ACL or policy opens an S3 bucket to everybody.",
    validate=of_resource(_check),
    severity=Severity.CRITICAL,
    tags=["aws", "s3", "security"],
    remediation_steps="Set all four switches of BucketPublicAccessBlock, leave ACLs out, and name"
    " the principals of the bucket's policy.",
    url="https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
    config_schema=PolicyConfigSchema(
        properties={
            "publicBuckets": texts_schema(
                "Names of resources that may open a bucket, such as one of a public web site."
            )
        }
    ),
)
