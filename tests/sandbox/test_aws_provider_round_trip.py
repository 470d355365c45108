"""Every type of the table: created, read, changed and deleted, with no difference in between."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from sandbox.aws_provider.table import RESOURCES
from sandbox.aws_provider.wire import UNKNOWN
from tests.sandbox.test_aws_provider import (
    ALLOW,
    CLUSTER,
    DENY,
    EIP,
    ENTRY,
    GROUP,
    IGW,
    KEY,
    KEY_ARN,
    LUSTRE,
    NAT,
    NODES,
    ROLE,
    ROUTES,
    SUBNET,
    TEMPLATE,
    TRUST,
    VPC,
    Engine,
    World,
    cluster_inputs,
    engine,
    environment,
    lustre_inputs,
    node_group_inputs,
    template_inputs,
    urn_of,
)

__all__ = ["engine", "environment"]

_RULE = {"ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "description": "https"}
_VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
# S3 has no call that takes it away.
_LASTING = {_VERSIONING}
_POD = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
_POLICY_ASSOCIATION = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"

# Token -> (inputs, what an update sets; None for a type that can only be replaced).
CASES: dict[str, tuple[Any, Any]] = {
    VPC: (
        lambda w: {
            "cidrBlock": "10.0.0.0/16",
            "enableDnsHostnames": True,
            "enableDnsSupport": True,
            "tags": {"Name": "v"},
        },
        lambda w: {"enableDnsHostnames": False, "tags": {"Name": "w", "more": "x"}},
    ),
    SUBNET: (
        lambda w: {
            "vpcId": w["vpc"],
            "cidrBlock": "10.0.9.0/24",
            "availabilityZone": "us-east-1b",
            "tags": {"a": "b"},
        },
        lambda w: {"mapPublicIpOnLaunch": True, "tags": {}},
    ),
    IGW: (lambda w: {"vpcId": w["vpc"], "tags": {"a": "b"}}, lambda w: {"tags": {"a": "c"}}),
    EIP: (lambda w: {"domain": "vpc", "tags": {"a": "b"}}, lambda w: {"tags": {"c": "d"}}),
    NAT: (
        lambda w: {"allocationId": w["eip"], "subnetId": w["subnet"], "tags": {"a": "b"}},
        lambda w: {"tags": {"c": "d"}},
    ),
    ROUTES: (lambda w: {"vpcId": w["vpc"], "tags": {"a": "b"}}, lambda w: {"tags": {"c": "d"}}),
    "aws:ec2/route:Route": (
        lambda w: {
            "routeTableId": w["routes"],
            "destinationCidrBlock": "0.0.0.0/0",
            "natGatewayId": w["nat"],
        },
        lambda w: {"natGatewayId": None, "gatewayId": w["igw"]},
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": (
        lambda w: {"routeTableId": w["routes"], "subnetId": w["subnet"]},
        None,
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": (
        lambda w: {
            "vpcId": w["vpc"],
            "serviceName": "com.amazonaws.us-east-1.s3",
            "vpcEndpointType": "Gateway",
            "routeTableIds": [w["routes"]],
            "tags": {"a": "b"},
        },
        lambda w: {"routeTableIds": [w["routes2"]], "tags": {"c": "d"}},
    ),
    GROUP: (
        lambda w: {"vpcId": w["vpc"], "description": "d", "tags": {"a": "b"}},
        lambda w: {"tags": {"c": "d"}},
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": (
        lambda w: {"securityGroupId": w["group"], "cidrIpv4": "10.0.0.0/16", **_RULE},
        lambda w: {"cidrIpv4": "10.1.0.0/16"},
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": (
        lambda w: {
            "securityGroupId": w["group"],
            "referencedSecurityGroupId": w["group"],
            "ipProtocol": "-1",
            "tags": {"a": "b"},
        },
        lambda w: {"tags": {"c": "d"}},
    ),
    "aws:ec2/placementGroup:PlacementGroup": (
        lambda w: {"strategy": "cluster", "tags": {"a": "b"}},
        lambda w: {"tags": {"c": "d"}},
    ),
    "aws:ec2/capacityReservation:CapacityReservation": (
        lambda w: {
            "instanceType": "p4d.24xlarge",
            "instancePlatform": "Linux/UNIX",
            "availabilityZone": "us-east-1a",
            "instanceCount": 2,
            "instanceMatchCriteria": "targeted",
            "tags": {"a": "b"},
        },
        lambda w: {
            "instanceCount": 3,
            "endDateType": "limited",
            "endDate": "2027-01-01T00:00:00Z",
            "tags": {"c": "d"},
        },
    ),
    "aws:s3/bucket:Bucket": (
        lambda w: {"bucket": "weights-123456789012", "tags": {"a": "b", "c": "d"}},
        lambda w: {"tags": {"a": "c", "e": "f"}},
    ),
    _VERSIONING: (
        lambda w: {"bucket": w["bucket"], "versioningConfiguration": {"status": "Enabled"}},
        lambda w: {"versioningConfiguration": {"status": "Suspended"}},
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        lambda w: {
            "bucket": w["bucket"],
            "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
        },
        lambda w: {
            "rules": [
                {
                    "applyServerSideEncryptionByDefault": {
                        "sseAlgorithm": "aws:kms",
                        "kmsMasterKeyId": KEY_ARN,
                    },
                    "bucketKeyEnabled": True,
                }
            ]
        },
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": (
        lambda w: {
            "bucket": w["bucket"],
            "blockPublicAcls": True,
            "blockPublicPolicy": True,
            "ignorePublicAcls": True,
            "restrictPublicBuckets": True,
        },
        lambda w: {"restrictPublicBuckets": False},
    ),
    "aws:s3/bucketPolicy:BucketPolicy": (
        lambda w: {"bucket": w["bucket"], "policy": ALLOW},
        lambda w: {"policy": DENY},
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": (
        lambda w: {"bucket": w["bucket"], "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        lambda w: {"rule": {"objectOwnership": "BucketOwnerPreferred"}},
    ),
    LUSTRE: (
        lustre_inputs,
        lambda w: {
            "storageCapacity": 4800,
            "perUnitStorageThroughput": 250,
            "logConfiguration": {"level": "WARN_ERROR"},
            "tags": {"c": "d"},
        },
    ),
    "aws:fsx/dataRepositoryAssociation:DataRepositoryAssociation": (
        lambda w: {
            "fileSystemId": w["lustre"],
            "dataRepositoryPath": "s3://weights-123456789012/models",
            "fileSystemPath": "/",
            "batchImportMetaDataOnCreate": True,
            "s3": {"autoImportPolicy": {"events": ["NEW", "CHANGED", "DELETED"]}},
            "tags": {"a": "b"},
        },
        lambda w: {
            "importedFileChunkSize": 2048,
            "s3": {"autoImportPolicy": {"events": ["NEW"]}},
            "tags": {"c": "d"},
        },
    ),
    TEMPLATE: (template_inputs, lambda w: {"instanceType": "p4de.24xlarge"}),
    ROLE: (
        lambda w: {"assumeRolePolicy": TRUST, "description": "d", "tags": {"a": "b"}},
        lambda w: {"description": "e", "tags": {"c": "d"}},
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": (
        lambda w: {"role": w["role"], "policyArn": w["policy"]},
        None,
    ),
    "aws:iam/rolePolicy:RolePolicy": (
        lambda w: {"role": w["role"], "policy": ALLOW},
        lambda w: {"policy": DENY},
    ),
    "aws:iam/policy:Policy": (
        lambda w: {"policy": ALLOW, "tags": {"a": "b"}},
        lambda w: {"policy": DENY, "tags": {"c": "d"}},
    ),
    KEY: (
        lambda w: {
            "description": "d",
            "enableKeyRotation": True,
            "policy": ALLOW,
            "tags": {"a": "b"},
        },
        lambda w: {
            "description": "e",
            "enableKeyRotation": False,
            "policy": DENY,
            "tags": {"c": "d"},
        },
    ),
    "aws:kms/alias:Alias": (
        lambda w: {"targetKeyId": w.out("key", "arn")},
        lambda w: {"targetKeyId": w["key2"]},
    ),
    "aws:cloudwatch/logGroup:LogGroup": (
        lambda w: {"name": "/eks/main", "retentionInDays": 7, "tags": {"a": "b"}},
        lambda w: {"retentionInDays": 30, "tags": {"c": "d"}},
    ),
    CLUSTER: (
        cluster_inputs,
        lambda w: {
            "enabledClusterLogTypes": ["api"],
            "version": "1.36",
            "vpcConfig": {"subnetIds": [w["subnet"]], "endpointPrivateAccess": False},
            "tags": {"c": "d"},
        },
    ),
    NODES: (
        node_group_inputs,
        lambda w: {
            "labels": {"pool": "other"},
            "taints": [],
            "scalingConfig": {"desiredSize": 2, "minSize": 0, "maxSize": 2},
            "releaseVersion": "1.35.1-20260201",
            "updateConfig": {"maxUnavailablePercentage": 33, "updateStrategy": "MINIMAL"},
            "tags": {"c": "d"},
        },
    ),
    "aws:eks/addon:Addon": (
        lambda w: {
            "clusterName": w["cluster"],
            "addonName": "vpc-cni",
            "addonVersion": "v1.20.0-eksbuild.1",
            "configurationValues": '{"a": 1}',
            "resolveConflictsOnCreate": "OVERWRITE",
            "tags": {"a": "b"},
        },
        lambda w: {"addonVersion": "v1.21.0-eksbuild.1", "tags": {"c": "d"}},
    ),
    ENTRY: (
        lambda w: {
            "clusterName": w["cluster"],
            "principalArn": "arn:aws:iam::123456789012:role/admin",
            "tags": {"a": "b"},
        },
        lambda w: {"kubernetesGroups": ["viewers"], "tags": {"c": "d"}},
    ),
    _POLICY_ASSOCIATION: (
        lambda w: {
            "clusterName": w["cluster"],
            "principalArn": w.out("entry", "principalArn"),
            "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
            "accessScope": {"type": "cluster"},
        },
        None,
    ),
    _POD: (
        lambda w: {
            "clusterName": w["cluster"],
            "namespace": "serving",
            "serviceAccount": "vllm",
            "roleArn": w.out("role", "arn"),
            "tags": {"a": "b"},
        },
        lambda w: {"roleArn": "arn:aws:iam::123456789012:role/other", "tags": {"c": "d"}},
    ),
}


def test_every_type_of_the_table_has_a_case() -> None:
    assert set(CASES) == set(RESOURCES)


@pytest.mark.parametrize("token", sorted(CASES))
def test_round_trip(engine: Engine, token: str) -> None:
    world, urn = World(engine), urn_of(token)
    make, change = CASES[token]
    inputs = engine.checked(urn, make(world))
    previewed = engine.create(urn, inputs, preview=True)[1]
    identifier, outputs = engine.create(urn, inputs)
    assert identifier

    shape = engine.servicer._shapes[token]
    always = {
        name for name, prop in shape.fields.items() if prop.always and prop.shape.kind != "object"
    }
    assert always - set(outputs) == set()
    known = {name: value for name, value in previewed.items() if value != UNKNOWN}
    for name in set(known) - {"vpcConfig", "launchTemplate"}:
        assert outputs[name] == known[name] or isinstance(known[name], dict | list), name

    unchanged(engine, urn, identifier, inputs, outputs)
    if change:
        raw = {**make(world), **change(world)}
        wanted = {name: value for name, value in raw.items() if value is not None}
        new = engine.checked(urn, wanted, inputs)
        difference = engine.diff(urn, identifier, inputs, outputs, new)
        assert list(difference.replaces) == []
        assert list(difference.diffs)
        outputs = engine.update(urn, identifier, inputs, outputs, new)
        inputs = new
        unchanged(engine, urn, identifier, inputs, outputs)
    engine.delete(urn, identifier, inputs, outputs)
    assert (engine.read(urn, identifier, inputs, outputs)[0] == "") is (token not in _LASTING)
    engine.delete(urn, identifier, inputs, outputs)


def unchanged(engine: Engine, urn: str, identifier: str, inputs: Any, outputs: Any) -> None:
    """A refresh and an `up` right after show nothing."""
    found, now, seen = engine.read(urn, identifier, inputs, outputs)
    assert found == identifier
    assert now == inputs
    assert seen == outputs
    difference = engine.diff(urn, identifier, inputs, outputs, inputs)
    assert difference.changes == provider_pb2.DiffResponse.DIFF_NONE, difference
