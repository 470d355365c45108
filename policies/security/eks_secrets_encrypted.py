"""Secrets of a cluster are encrypted by a key of your own.

EKS encrypts what its API server keeps by a key of AWS; only a key of your own can be taken
away, and says in CloudTrail who used it. It can be added to a cluster, and never removed.
https://docs.aws.amazon.com/eks/latest/userguide/enable-kms.html
"""

from pulumi_policy import ResourceValidationPolicy, Severity
from pulumi_policy.proxy import UnknownValueError

from policies.reading import child, find, shown
from policies.review import Config, Resource, Review, of_resource
from policies.security.eks_endpoint import CLUSTER


def _check(review: Review, subject: Resource, config: Config) -> None:
    if subject.type != CLUSTER:
        return
    if len(subject.props) == 0:
        review.has_no_properties(subject.place)
        return
    with review.reading(subject.place):
        encryption = child(subject.props, "encryptionConfig")
        if not _has_key(encryption):
            _refuse(review, subject, "no encryptionConfig with a provider.keyArn")
        elif find(child(encryption, "resources"), lambda each: each == "secrets") is None:
            resources = shown(child(encryption, "resources"))
            _refuse(review, subject, f"encryptionConfig.resources {resources} without secrets")


def _has_key(encryption: object) -> bool:
    """Also one that is not known yet: whichever it is, it is a key."""
    try:
        return child(encryption, "provider", "keyArn") not in (None, "")
    except UnknownValueError:
        return True


def _refuse(review: Review, subject: Resource, found: str) -> None:
    review.refuse(
        subject.place,
        found=found,
        allowed="a KMS key of your own for secrets",
        fix="set encryptionConfig.provider.keyArn, and resources to secrets",
    )


POLICY = ResourceValidationPolicy(
    name="aws-eks-secrets-encrypted",
    display_name="Secrets of the cluster have a key of their own",
    description="An EKS cluster encrypts Kubernetes secrets by a KMS key of the account.",
    validate=of_resource(_check),
    severity=Severity.MEDIUM,
    tags=["aws", "eks", "encryption", "security"],
    remediation_steps="Set encryptionConfig with the ARN of a KMS key and resources [secrets].",
    url="https://docs.aws.amazon.com/eks/latest/userguide/enable-kms.html",
)
