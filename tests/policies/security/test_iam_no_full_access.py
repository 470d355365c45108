from typing import Any

import pytest

from policies.security.iam_no_full_access import POLICY
from tests.policies.engine_input import UNKNOWN, Said
from tests.policies.engine_input import check as check_resource

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


def check(arn: Any, kind: str = ATTACHMENT, **config: Any) -> Said:
    value = arn if KINDS[kind] == "policyArn" or arn == UNKNOWN else [arn]
    props = {"name": "node", KINDS[kind]: value}
    return check_resource(POLICY, props, resource_type=kind, name="node", config=config)


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


def test_without_any_properties_it_says_so() -> None:
    assert check_resource(POLICY, {}, resource_type=ATTACHMENT).unchecked
    assert check_resource(POLICY, {}).nothing
