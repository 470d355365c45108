"""The local AWS: its door, and its memory."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws_server.additions.eks_images import OWNER_ID
from sandbox.aws_server.journal import Change, Journal, JournalError, is_read
from sandbox.lifecycle import Sandbox, start, status
from sandbox.paths import SandboxPaths
from sandbox.reporter import SilentReporter
from tests.sandbox.conftest import aws_client, create_cluster

NewSandbox = Callable[..., Sandbox]


def _snapshot(sandbox: Sandbox) -> dict[str, Any]:
    """What a stack would have in its state: ids, names and times of several services."""
    ec2, iam, eks, s3 = (aws_client(sandbox, name) for name in ("ec2", "iam", "eks", "s3"))
    answers = {
        "vpcs": ec2.describe_vpcs(),
        "subnets": ec2.describe_subnets(),
        "groups": ec2.describe_security_groups(),
        "templates": ec2.describe_launch_templates(),
        "placement_groups": ec2.describe_placement_groups(),
        "reservations": ec2.describe_capacity_reservations(),
        "images": ec2.describe_images(Owners=[OWNER_ID]),
        "roles": iam.list_roles(),
        "buckets": s3.list_buckets(),
        "encryption": s3.get_bucket_encryption(Bucket="weights"),
        "cluster": eks.describe_cluster(name="moe"),
        "node_group": eks.describe_nodegroup(clusterName="moe", nodegroupName="gpu"),
    }
    for answer in answers.values():
        del answer["ResponseMetadata"]
    return answers


def _fill(sandbox: Sandbox) -> None:
    create_cluster(sandbox, "moe")
    ec2 = aws_client(sandbox, "ec2")
    template = ec2.create_launch_template(
        LaunchTemplateName="gpu", LaunchTemplateData={"InstanceType": "p4d.24xlarge"}
    )["LaunchTemplate"]
    s3 = aws_client(sandbox, "s3")
    s3.create_bucket(Bucket="weights")
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket="weights", ServerSideEncryptionConfiguration={"Rules": [rule]})
    ec2.create_placement_group(GroupName="gpu", Strategy="cluster")
    ec2.create_capacity_reservation(
        InstanceType="p4d.24xlarge",
        InstancePlatform="Linux/UNIX",
        AvailabilityZone="us-east-1a",
        InstanceCount=2,
    )
    group = ec2.create_security_group(GroupName="efa", Description="efa")["GroupId"]
    with pytest.raises(ClientError):
        ec2.create_security_group(GroupName="efa", Description="a second of that name")
    ec2.create_tags(Resources=[group], Tags=[{"Key": "stack", "Value": "local"}])
    cluster = aws_client(sandbox, "eks").describe_cluster(name="moe")["cluster"]
    aws_client(sandbox, "eks").create_nodegroup(
        clusterName="moe",
        nodegroupName="gpu",
        nodeRole=cluster["roleArn"],
        subnets=cluster["resourcesVpcConfig"]["subnetIds"],
        launchTemplate={"id": template["LaunchTemplateId"], "version": "1"},
    )


def _restart(sandbox: Sandbox) -> None:
    pid = next(p.pid for p in status(sandbox.paths).processes if p.name == "moto")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert start(SilentReporter(), sandbox.paths).started == ("moto",)


def test_killed_server_comes_back_with_the_same_ids_and_times(new_sandbox: NewSandbox) -> None:
    sandbox = new_sandbox()
    # A read first: it makes moto create its default VPC outside of any change.
    aws_client(sandbox, "ec2").describe_subnets()
    _fill(sandbox)
    before = _snapshot(sandbox)
    _restart(sandbox)
    assert _snapshot(sandbox) == before
    aws_client(sandbox, "ec2").create_vpc(CidrBlock="10.9.0.0/16")
    once = _snapshot(sandbox)
    _restart(sandbox)
    assert _snapshot(sandbox) == once

    # Killed in the middle of a write: the client had no answer, so the change never was.
    with sandbox.paths.journal.open("ab") as file:
        file.write(b'{"time":1.0,"method":"PO')
    _restart(sandbox)
    assert _snapshot(sandbox) == once
    assert "written only in part" in (sandbox.paths.logs / "moto.log").read_text()
    aws_client(sandbox, "ec2").create_vpc(CidrBlock="10.10.0.0/16")
    _restart(sandbox)
    assert len(_snapshot(sandbox)["vpcs"]["Vpcs"]) == len(once["vpcs"]["Vpcs"]) + 1


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("ec2", "describe_vpcs", "InvalidClientTokenId"),
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("eks", "list_clusters", "UnrecognizedClientException"),
        ("logs", "describe_log_groups", "UnrecognizedClientException"),
    ],
)
def test_other_keys_are_refused(sandbox: Sandbox, service: str, operation: str, code: str) -> None:
    client = aws_client(sandbox, service, aws_access_key_id="AKIASOMEBODYELSE")
    with pytest.raises(ClientError, match="only its own access key") as refusal:
        getattr(client, operation)()
    assert refusal.value.response["Error"]["Code"] == code
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_reads_are_not_remembered(sandbox: Sandbox) -> None:
    aws_client(sandbox, "sts").get_caller_identity()
    aws_client(sandbox, "ec2").describe_instance_types(InstanceTypes=["p4d.24xlarge"])
    aws_client(sandbox, "eks").list_clusters()
    aws_client(sandbox, "resource-groups").list_groups()
    quota = {"ServiceCode": "ec2", "QuotaCode": "L-417A185B"}
    answer = aws_client(sandbox, "service-quotas").get_service_quota(**quota)
    assert answer["Quota"]["Value"] == 1536
    assert Journal(sandbox.paths.journal).count == 0
    assert list(Journal(sandbox.paths.journal).changes()) == []


@pytest.mark.parametrize(
    ("request_", "body", "reads"),
    [
        (
            {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/x-www-form-urlencoded"},
            b"Action=DescribeVpcs&Version=2016-11-15",
            True,
        ),
        (
            {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/x-www-form-urlencoded"},
            b"Version=2016-11-15&Action=CreateVpc",
            False,
        ),
        (
            {"REQUEST_METHOD": "POST", "HTTP_X_AMZ_TARGET": "Logs_20140328.CreateLogGroup"},
            b"{}",
            False,
        ),
        (
            {"REQUEST_METHOD": "POST", "HTTP_X_AMZ_TARGET": "Logs_20140328.DescribeLogGroups"},
            b"{}",
            True,
        ),
        ({"REQUEST_METHOD": "GET", "PATH_INFO": "/clusters"}, b"", True),
        ({"REQUEST_METHOD": "POST", "PATH_INFO": "/list-group-resources"}, b"{}", True),
        ({"REQUEST_METHOD": "POST", "PATH_INFO": "/group-resources"}, b"{}", False),
        ({"REQUEST_METHOD": "PUT", "PATH_INFO": "/get-group"}, b"", False),
        (
            {"REQUEST_METHOD": "POST", "PATH_INFO": "/get-group", "QUERY_STRING": "delete"},
            b"",
            False,
        ),
        ({"REQUEST_METHOD": "DELETE", "PATH_INFO": "/clusters/moe"}, b"", False),
        ({"REQUEST_METHOD": "GET", "QUERY_STRING": "Action=DeleteVpc&VpcId=x"}, b"", False),
    ],
)
def test_what_counts_as_a_read(request_: dict[str, str], body: bytes, reads: bool) -> None:
    assert is_read(request_, body) is reads


def test_broken_line_before_the_last_stops_the_replay(tmp_path: Any) -> None:
    paths = SandboxPaths(tmp_path)
    paths.create()
    journal = Journal(paths.journal)
    change = Change.of_request({"REQUEST_METHOD": "POST"}, b"x", 1.0)
    paths.journal.write_bytes(b"{broken\n" + change.to_line())
    with pytest.raises(JournalError, match="line 1"):
        list(journal.changes())


def test_the_endpoint_of_a_cluster_can_be_reached(sandbox: Sandbox) -> None:
    create_cluster(sandbox, "reachable")
    cluster = aws_client(sandbox, "eks").describe_cluster(name="reachable")["cluster"]
    assert cluster["endpoint"] == sandbox.endpoints.kube_server
