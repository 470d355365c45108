"""Which resources carry policy documents and managed policies, and where."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from policies.reading import child, elements, known, one_or_more
from policies.review import Place, Resource, Review

ROLE = "aws:iam/role:Role"
_IDENTITY_POLICIES = frozenset(
    {
        "aws:iam/groupPolicy:GroupPolicy",
        "aws:iam/policy:Policy",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:iam/userPolicy:UserPolicy",
    }
)
_ATTACHMENTS: Mapping[str, str] = MappingProxyType(
    {
        "aws:iam/groupPolicyAttachment:GroupPolicyAttachment": "policyArn",
        "aws:iam/groupPolicyAttachmentsExclusive:GroupPolicyAttachmentsExclusive": "policyArns",
        "aws:iam/policyAttachment:PolicyAttachment": "policyArn",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "policyArn",
        "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive": "policyArns",
        "aws:iam/userPolicyAttachment:UserPolicyAttachment": "policyArn",
        "aws:iam/userPolicyAttachmentsExclusive:UserPolicyAttachmentsExclusive": "policyArns",
        ROLE: "managedPolicyArns",
    }
)


def identity_documents(review: Review, subject: Resource) -> Iterator[tuple[Place, Any]]:
    """Documents that say what a role, a user or a group may do."""
    if subject.type in _IDENTITY_POLICIES:
        if len(subject.props) == 0:
            review.could_not_check(subject.place, "the engine gave none of its properties")
        with review.reading(subject.place):
            yield subject.place, child(subject.props, "policy")
    elif subject.type == ROLE:
        with review.reading(subject.place):
            for index, inline in enumerate(elements(child(subject.props, "inlinePolicies"))):
                place = subject.place.inside(f"inlinePolicies {index}")
                with review.reading(place):
                    yield place, child(known(inline), "policy")


def attached_policies(review: Review, subject: Resource) -> Iterator[Any]:
    """ARNs of managed policies that `subject` gives."""
    if (field := _ATTACHMENTS.get(subject.type)) is None:
        return
    if len(subject.props) == 0:
        review.could_not_check(subject.place, "the engine gave none of its properties")
        return
    with review.reading(subject.place):
        for arn in one_or_more(child(subject.props, field)):
            with review.reading(subject.place):
                yield known(arn)
