"""No properties of an AWS resource crash a policy, however odd they are."""

from hypothesis import given
from hypothesis import strategies as st
from pulumi_policy import ResourceValidationPolicy, StackValidationPolicy

from policies.pack import listed
from tests.policies.engine_input import FUZZ, UNKNOWN, check, check_stack, resource

POLICIES = [each.policy for each in listed()]
TYPES = [
    "aws:ebs/volume:Volume",
    "aws:ec2/capacityReservation:CapacityReservation",
    "aws:ec2/instance:Instance",
    "aws:ec2/managedPrefixList:ManagedPrefixList",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/securityGroupRule:SecurityGroupRule",
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "aws:eks/cluster:Cluster",
    "aws:eks/nodeGroup:NodeGroup",
    "aws:iam/role:Role",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:s3/bucketAcl:BucketAcl",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "kubernetes:helm.sh/v3:Release",
    "kubernetes:helm.sh/v4:Chart",
]
KEYS = [
    *("Action", "Condition", "Effect", "NotAction", "Principal", "Resource", "Statement"),
    *("accessControlPolicy", "acl", "assumeRolePolicy", "chart", "cidrBlocks", "cidrIpv4"),
    *("ebsBlockDevices", "encrypted", "encryptionConfig", "endpointPublicAccess", "entries"),
    *("fromPort", "toPort", "grantee", "grants", "ingress", "inlinePolicies", "instanceCount"),
    *("instanceType", "instanceTypes", "ipProtocol", "launchTemplate", "managedPolicyArns"),
    *("metadataOptions", "policy", "policyArn", "prefixListId", "prefixListIds", "protocol"),
    *("provider", "publicAccessCidrs", "region", "repo", "repositoryOpts", "resources"),
    *("rootBlockDevice", "scalingConfig", "maxSize", "subnetIds", "type", "uri", "values"),
    *("valueYamlFiles", "version", "vpcConfig", "vpcEndpointType", "driver", "devicePlugin"),
]
scalars = (
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(
        [UNKNOWN, "0.0.0.0/0", "*", "Allow", "tcp", "ingress", "gpu-operator", "{", "pl-1"]
    )
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=15,
)
properties = st.dictionaries(st.sampled_from(KEYS), anything, max_size=6)


@FUZZ
@given(kind=st.sampled_from(TYPES), props=properties)
def test_no_resource_crashes_a_policy(kind: str, props: dict[str, object]) -> None:
    for policy in POLICIES:
        if isinstance(policy, ResourceValidationPolicy):
            check(policy, props, resource_type=kind)
        elif isinstance(policy, StackValidationPolicy):
            budget = {"usdPerHour": 1} if "within-budget" in policy.name else None
            check_stack(policy, [resource(kind, "odd", props)], budget)
