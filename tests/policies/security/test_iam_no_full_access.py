from typing import Any

import pytest

from policies.security.iam_no_full_access import POLICY
from tests.policies.engine_input import UNKNOWN, Said, check_stack, resource

AWS = "arn:aws:iam::aws:policy"
KINDS = {
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "policyArn",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment": "policyArn",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment": "policyArn",
    "aws:iam/policyAttachment:PolicyAttachment": "policyArn",
    "aws:iam/role:Role": "managedPolicyArns",
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive": "policyArns",
}
ATTACHMENT = next(iter(KINDS))
ROLE = "aws:iam/role:Role"
OWN = "aws:iam/policy:Policy"
REFERENCE = "pulumi:pulumi:StackReference"


def check(arn: Any, kind: str = ATTACHMENT, **config: Any) -> Said:
    value = arn if KINDS[kind] == "policyArn" or arn == UNKNOWN else [arn]
    props = {"name": "node", KINDS[kind]: value}
    return check_stack(POLICY, [resource(kind, "node", props)], config)


def from_sources(value: Any, *types: str, kind: str = ATTACHMENT) -> Said:
    """An attachment whose ARNs come from outputs of resources of these types."""
    sources = [resource(each, f"source-{i}", {"name": "own"}) for i, each in enumerate(types)]
    field = KINDS[kind]
    attachment = resource(kind, "node", {"name": "node", field: value}, {field: sources})
    return check_stack(POLICY, [*sources, attachment])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name",
    [
        "AdministratorAccess",
        "AdministratorAccess-Amplify",
        "PowerUserAccess",
        "IAMFullAccess",
        "AmazonS3FullAccess",
        "AmazonSNSFullAccess_v2",
    ],
)
def test_full_access_is_refused(kind: str, name: str) -> None:
    assert f'"node": found {name};' in check(f"{AWS}/{name}", kind).only()


@pytest.mark.parametrize(
    "arn",
    [
        f"{AWS}/AmazonEKSWorkerNodePolicy",
        f"{AWS}/AmazonEC2ContainerRegistryPullOnly",
        f"{AWS}/AmazonEKS_CNI_Policy",
        f"{AWS}/AmazonSSMManagedInstanceCore",
        f"{AWS}/AmazonEKSClusterPolicy",
        f"{AWS}/service-role/AmazonEBSCSIDriverPolicy",
        "arn:aws:iam::123456789012:policy/MyFullAccess",
        "AdministratorAccess",
        7,
        None,
    ],
)
def test_others_are_allowed(arn: object) -> None:
    assert check(arn).nothing


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov"])
def test_every_partition_is_judged(partition: str) -> None:
    assert check(f"arn:{partition}:iam::aws:policy/job-function/PowerUserAccess").refusals


def test_policies_are_the_teams_choice() -> None:
    arn = f"{AWS}/AmazonFSxFullAccess"
    assert check(arn, allowedPolicies=["AmazonFSxFullAccess"]).nothing
    assert check(arn, allowedPolicies=["AmazonS3FullAccess"]).refusals


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_known_is_said(kind: str) -> None:
    said = check(UNKNOWN, kind)
    assert not said.refusals
    assert len(said.unchecked) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_an_own_policy_is_allowed_before_its_arn_is_known(kind: str) -> None:
    assert from_sources(UNKNOWN, OWN, kind=kind).nothing
    assert from_sources(UNKNOWN, OWN, OWN, kind=kind).nothing
    several = [UNKNOWN, f"{AWS}/IAMFullAccess"]
    assert "found IAMFullAccess" in from_sources(several, OWN, kind=ROLE).only()


@pytest.mark.parametrize("types", [[REFERENCE], [OWN, REFERENCE], [ROLE]])
@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_from_elsewhere_is_said(types: list[str], kind: str) -> None:
    said = from_sources(UNKNOWN, *types, kind=kind)
    assert not said.refusals
    assert len(said.unchecked) == 1


def test_without_any_properties_it_says_so() -> None:
    assert check_stack(POLICY, [resource(ATTACHMENT, "node", {})]).unchecked
    assert check_stack(POLICY, [resource("aws:s3/bucket:Bucket", "node", {})]).nothing
