"""The stand-in `aws` provider, driven as the engine drives it, against a moto server."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from pulumi.runtime.proto import provider_pb2

from sandbox.aws_provider.servicer import AwsStandIn
from sandbox.aws_provider.table import RESOURCES
from sandbox.aws_provider.wire import UNKNOWN, from_struct, to_struct

REGION = "us-east-1"
# Making a key takes moto seconds; a cluster needs only the name of one.
KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/0b1c2d3e-0000-4000-8000-000000000000"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "eks.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
ALLOW = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
    }
)
DENY = ALLOW.replace("Allow", "Deny")


class AbortedError(Exception):
    """What a real gRPC context raises when a call is ended."""


class Context:
    def abort(self, code: object, message: str) -> None:
        raise AbortedError(message)


class Engine:
    """Calls the servicer as the engine would, and remembers nothing."""

    def __init__(self, environment: dict[str, str], **settings: Any) -> None:
        self.servicer = AwsStandIn(environment)
        self.context = Context()
        self.servicer.Configure(
            provider_pb2.ConfigureRequest(args=to_struct({"region": REGION, **settings})),
            self.context,
        )

    def check(
        self, urn: str, news: dict[str, Any], olds: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, str]]:
        answer = self.servicer.Check(
            provider_pb2.CheckRequest(
                urn=urn, news=to_struct(news), olds=to_struct(olds or {}), randomSeed=b"seed"
            ),
            self.context,
        )
        return from_struct(answer.inputs), {f.property: f.reason for f in answer.failures}

    def checked(self, urn: str, news: dict[str, Any], olds: dict[str, Any] | None = None) -> Any:
        inputs, failures = self.check(urn, news, olds)
        assert failures == {}
        return inputs

    def create(self, urn: str, inputs: dict[str, Any], *, preview: bool = False) -> Any:
        answer = self.servicer.Create(
            provider_pb2.CreateRequest(urn=urn, properties=to_struct(inputs), preview=preview),
            self.context,
        )
        return answer.id, from_struct(answer.properties)

    def read(self, urn: str, identifier: str, inputs: Any = None, outputs: Any = None) -> Any:
        answer = self.servicer.Read(
            provider_pb2.ReadRequest(
                urn=urn,
                id=identifier,
                inputs=to_struct(inputs or {}),
                properties=to_struct(outputs or {}),
            ),
            self.context,
        )
        return answer.id, from_struct(answer.inputs), from_struct(answer.properties)

    def diff(
        self, urn: str, identifier: str, old: Any, outputs: Any, new: Any, ignore: Any = ()
    ) -> Any:
        return self.servicer.Diff(
            provider_pb2.DiffRequest(
                urn=urn,
                id=identifier,
                old_inputs=to_struct(old),
                olds=to_struct(outputs),
                news=to_struct(new),
                ignoreChanges=list(ignore),
            ),
            self.context,
        )

    def update(self, urn: str, identifier: str, old: Any, outputs: Any, new: Any) -> Any:
        answer = self.servicer.Update(
            provider_pb2.UpdateRequest(
                urn=urn,
                id=identifier,
                old_inputs=to_struct(old),
                olds=to_struct(outputs),
                news=to_struct(new),
            ),
            self.context,
        )
        return from_struct(answer.properties)

    def delete(self, urn: str, identifier: str, inputs: Any, outputs: Any) -> None:
        self.servicer.Delete(
            provider_pb2.DeleteRequest(
                urn=urn,
                id=identifier,
                old_inputs=to_struct(inputs),
                properties=to_struct(outputs),
            ),
            self.context,
        )


def urn_of(token: str, name: str = "thing") -> str:
    return f"urn:pulumi:test::project::{token}::{name}"


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    """One server for a module: stopping one takes half a second."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def environment(tmp_path: Path, moto_url: str) -> Iterator[dict[str, str]]:
    yield {
        "AWS_ENDPOINT_URL": moto_url,
        "AWS_ACCESS_KEY_ID": "AKIATEST",
        "AWS_SECRET_ACCESS_KEY": "test",
        "MOE_SANDBOX_DIR": str(tmp_path),
    }
    request = urllib.request.Request(f"{moto_url}/moto-api/reset", method="POST")
    urllib.request.urlopen(request, timeout=10).close()


@pytest.fixture
def engine(environment: dict[str, str]) -> Engine:
    return Engine(environment)


class World:
    """Resources that others need, made on demand: `world["vpc"]` is the id of one."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.made: dict[str, tuple[str, dict[str, Any]]] = {}

    def __getitem__(self, name: str) -> str:
        return self.make(name)[0]

    def out(self, name: str, output: str) -> Any:
        return self.make(name)[1][output]

    def make(self, name: str) -> tuple[str, dict[str, Any]]:
        if name not in self.made:
            token, inputs = PARTS[name]
            urn = urn_of(token, f"needed-{name}")
            checked = self.engine.checked(urn, inputs(self))
            self.made[name] = self.engine.create(urn, checked)
        return self.made[name]


VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
IGW = "aws:ec2/internetGateway:InternetGateway"
EIP = "aws:ec2/eip:Eip"
NAT = "aws:ec2/natGateway:NatGateway"
ROUTES = "aws:ec2/routeTable:RouteTable"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
ROLE = "aws:iam/role:Role"
KEY = "aws:kms/key:Key"
CLUSTER = "aws:eks/cluster:Cluster"
NODES = "aws:eks/nodeGroup:NodeGroup"
ENTRY = "aws:eks/accessEntry:AccessEntry"


def cluster_inputs(world: World) -> dict[str, Any]:
    return {
        "name": "main",
        "roleArn": world.out("role", "arn"),
        "version": "1.35",
        "vpcConfig": {"subnetIds": [world["subnet"]], "endpointPrivateAccess": True},
        "accessConfig": {
            "authenticationMode": "API",
            "bootstrapClusterCreatorAdminPermissions": True,
        },
        "bootstrapSelfManagedAddons": False,
        "upgradePolicy": {"supportType": "STANDARD"},
        "enabledClusterLogTypes": ["api", "audit"],
        "encryptionConfig": {
            "provider": {"keyArn": KEY_ARN},
            "resources": ["secrets"],
        },
        "tags": {"team": "ml"},
    }


def template_inputs(world: World) -> dict[str, Any]:
    return {
        "instanceType": "p4d.24xlarge",
        "networkInterfaces": [
            {
                "networkCardIndex": card,
                "deviceIndex": 1 if card else 0,
                "interfaceType": "efa-only" if card else "efa",
                "securityGroups": [world["group"]],
                "deleteOnTermination": "true",
                "associatePublicIpAddress": "false",
            }
            for card in range(4)
        ],
        "blockDeviceMappings": [
            {
                "deviceName": "/dev/xvda",
                "ebs": {
                    "volumeSize": 200,
                    "volumeType": "gp3",
                    "encrypted": "true",
                    "deleteOnTermination": "true",
                },
            }
        ],
        "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
        "placement": {"groupName": "packed"},
        "capacityReservationSpecification": {
            "capacityReservationTarget": {"capacityReservationId": "cr-0123456789abcdef0"}
        },
        "instanceMarketOptions": {"marketType": "capacity-block"},
        "userData": "bG9jYWxTdG9yYWdlOiBSQUlEMA==",
        "tagSpecifications": [{"resourceType": "instance", "tags": {"Name": "gpu"}}],
        "updateDefaultVersion": True,
        "tags": {"team": "ml"},
    }


def node_group_inputs(world: World) -> dict[str, Any]:
    return {
        "clusterName": world["cluster"],
        "nodeRoleArn": world.out("role", "arn"),
        "subnetIds": [world["subnet"]],
        "scalingConfig": {"desiredSize": 1, "minSize": 0, "maxSize": 2},
        "instanceTypes": ["m6i.large"],
        "amiType": "AL2023_x86_64_STANDARD",
        "capacityType": "ON_DEMAND",
        "releaseVersion": "1.35.0-20260101",
        "labels": {"pool": "system"},
        "taints": [{"key": "a", "value": "b", "effect": "NO_SCHEDULE"}],
        "updateConfig": {"maxUnavailable": 1},
        "nodeRepairConfig": {"enabled": True},
        "tags": {"team": "ml"},
    }


PARTS: dict[str, Any] = {
    "vpc": (VPC, lambda w: {"cidrBlock": "10.0.0.0/16"}),
    "subnet": (
        SUBNET,
        lambda w: {
            "vpcId": w["vpc"],
            "cidrBlock": "10.0.1.0/24",
            "availabilityZone": "us-east-1a",
        },
    ),
    "igw": (IGW, lambda w: {"vpcId": w["vpc"]}),
    "eip": (EIP, lambda w: {"domain": "vpc"}),
    "nat": (NAT, lambda w: {"allocationId": w["eip"], "subnetId": w["subnet"]}),
    "routes": (ROUTES, lambda w: {"vpcId": w["vpc"]}),
    "routes2": (ROUTES, lambda w: {"vpcId": w["vpc"]}),
    "group": (GROUP, lambda w: {"vpcId": w["vpc"], "description": "needed"}),
    "role": (ROLE, lambda w: {"name": "needed", "assumeRolePolicy": TRUST}),
    "policy": ("aws:iam/policy:Policy", lambda w: {"policy": ALLOW}),
    "key": (KEY, lambda w: {"description": "needed"}),
    "key2": (KEY, lambda w: {"description": "other"}),
    "cluster": (CLUSTER, cluster_inputs),
    "entry": (
        ENTRY,
        lambda w: {"clusterName": w["cluster"], "principalArn": "arn:aws:iam::123456789012:user/a"},
    ),
}

_RULE = {"ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "description": "https"}
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
        lambda w: {"description": "d", "enableKeyRotation": True, "tags": {"a": "b"}},
        lambda w: {"description": "e", "enableKeyRotation": False, "tags": {"c": "d"}},
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
            "updateConfig": {"maxUnavailablePercentage": 33},
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
    assert engine.read(urn, identifier, inputs, outputs)[0] == ""
    engine.delete(urn, identifier, inputs, outputs)


def unchanged(engine: Engine, urn: str, identifier: str, inputs: Any, outputs: Any) -> None:
    """A refresh and an `up` right after show nothing."""
    found, now, seen = engine.read(urn, identifier, inputs, outputs)
    assert found == identifier
    assert now == inputs
    assert seen == outputs
    difference = engine.diff(urn, identifier, inputs, outputs, inputs)
    assert difference.changes == provider_pb2.DiffResponse.DIFF_NONE, difference
