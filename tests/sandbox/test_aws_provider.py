"""The stand-in `aws` provider, driven as the engine drives it, against a moto server.

The other files `test_aws_provider_*` use the fixtures and resources of this one.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from sandbox.aws_provider.servicer import AwsStandIn
from sandbox.aws_provider.wire import from_struct, to_struct

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
LUSTRE = "aws:fsx/lustreFileSystem:LustreFileSystem"


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


def lustre_inputs(world: World) -> dict[str, Any]:
    return {
        "deploymentType": "PERSISTENT_2",
        "storageType": "SSD",
        "fileSystemTypeVersion": "2.15",
        "storageCapacity": 2400,
        "perUnitStorageThroughput": 125,
        "subnetIds": world["subnet"],
        "securityGroupIds": [world["group"]],
        "kmsKeyId": KEY_ARN,
        "automaticBackupRetentionDays": 0,
        "tags": {"a": "b"},
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
    "bucket": ("aws:s3/bucket:Bucket", lambda w: {"bucket": "needed-by-others"}),
    "lustre": (LUSTRE, lustre_inputs),
    "entry": (
        ENTRY,
        lambda w: {"clusterName": w["cluster"], "principalArn": "arn:aws:iam::123456789012:user/a"},
    ),
}


def test_handshake_and_plugin_info(engine: Engine) -> None:
    asked = provider_pb2.ProviderHandshakeRequest(engine_address="127.0.0.1:1")
    answer = engine.servicer.Handshake(asked, engine.context)
    assert not answer.accept_secrets
    assert engine.servicer.GetPluginInfo(None, engine.context).version == version("pulumi-aws")
