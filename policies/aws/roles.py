"""Which resources carry policy documents and managed policies, and where."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from pulumi_policy import PolicyResource
from pulumi_policy.proxy import UnknownValueError

from policies.declared import declared
from policies.reading import child, elements, known, one_or_more
from policies.review import Place, Resource, Review, resource

ROLE = "aws:iam/role:Role"
_MANAGED_POLICY = "aws:iam/policy:Policy"
_IDENTITY_POLICIES = frozenset(
    {
        "aws:iam/groupPolicy:GroupPolicy",
        _MANAGED_POLICY,
        "aws:iam/rolePolicy:RolePolicy",
        "aws:iam/userPolicy:UserPolicy",
    }
)
ATTACHMENTS: Mapping[str, str] = MappingProxyType(
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
            review.has_no_properties(subject.place)
        with review.reading(subject.place):
            yield subject.place, child(subject.props, "policy")
    elif subject.type == ROLE:
        with review.reading(subject.place):
            for index, inline in enumerate(elements(child(subject.props, "inlinePolicies"))):
                place = subject.place.inside(f"inlinePolicies {index}")
                with review.reading(place):
                    yield place, child(known(inline), "policy")


def attached_policies(review: Review, member: PolicyResource) -> Iterator[Any]:
    """ARNs of managed policies that one of ATTACHMENTS gives.

    One that is not known yet and comes from the stack's own policies alone is left out in
    silence: it is none of AWS', and what it allows is judged where it is declared.
    """
    place = resource(member).place
    if (props := declared(member)) is None:
        review.has_no_properties(place)
        return
    field = ATTACHMENTS[member.resource_type]
    sources = member.property_dependencies.get(field, [])
    is_own = bool(sources) and all(each.resource_type == _MANAGED_POLICY for each in sources)
    for arn in _given(props, field):
        if not isinstance(arn, UnknownValueError):
            yield arn
        elif not is_own:
            review.could_not_check(place, arn.message)


def _given(props: Mapping[str, Any], field: str) -> list[Any]:
    """One or more, with the error in place of each that is not known, or of all of them."""
    try:
        return one_or_more(child(props, field))
    except UnknownValueError as error:
        return [error]
