"""The whole look at an account: all well, not allowed, not answered."""

import json
from collections.abc import Callable

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from moto.core import set_initial_no_auth_action_count

from preflight import offering, run
from preflight.check import Check
from preflight.clients import Clients
from preflight.finding import Finding, Verdict, fail, ok, warn, worst
from preflight.plan import Plan
from tests.preflight.conftest import plan, rows


def test_an_account_where_nothing_is_wrong() -> None:
    found = rows(plan())
    assert [each for each in found if each.verdict is not Verdict.OK] == []
    assert [each.check for each in found] == [
        "credentials",
        *("offering", "offering"),
        "instance type",
        "quota",
        *("AMI release", "AMI release"),
        "subnets",
        "endpoints",
        "settings",
    ]
    assert worst(found) is Verdict.OK


def test_the_worst_verdict_counts() -> None:
    good, odd, bad = ok("a", "b"), warn("a", "b", "c"), fail("a", "b", "c")
    assert worst([]) is Verdict.OK
    assert worst([good, odd, good]) is Verdict.WARN
    assert worst([odd, bad, good]) is Verdict.FAIL


def test_each_check_says_that_it_starts() -> None:
    started: list[str] = []
    list(run.findings(plan(), starts=started.append))
    assert started == ["credentials", *(check.title for check in run.CHECKS)]


# --- what AWS refuses or does not answer


@pytest.fixture
def allowed_only(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, object]], None]:
    """Work as a user with this policy, which moto then holds every call against."""

    def be(policy: dict[str, object]) -> None:
        iam = boto3.Session().client("iam")
        iam.create_user(UserName="reader")
        iam.put_user_policy(
            UserName="reader", PolicyName="reader", PolicyDocument=json.dumps(policy)
        )
        key = iam.create_access_key(UserName="reader")["AccessKey"]
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"])

    return be


def _held_against_policies(look: Callable[[], list[Finding]]) -> list[Finding]:
    found: list[Finding] = set_initial_no_auth_action_count(0)(look)()
    return found


def test_the_policy_allows_all_that_is_called(
    allowed_only: Callable[[dict[str, object]], None],
) -> None:
    reservation = boto3.client("ec2").create_capacity_reservation(
        InstanceType="p4d.24xlarge",
        InstancePlatform="Linux/UNIX",
        AvailabilityZone="us-east-1a",
        InstanceCount=4,
    )["CapacityReservation"]
    group = boto3.client("resource-groups").create_group(
        Name="a100", Configuration=[{"Type": "AWS::EC2::CapacityReservationPool"}]
    )["Group"]
    boto3.client("resource-groups").group_resources(
        Group="a100", ResourceArns=[reservation["CapacityReservationArn"]]
    )
    boto3.client("ec2").create_placement_group(GroupName="close", Strategy="cluster")
    vpc = boto3.client("ec2").create_vpc(
        CidrBlock="10.20.0.0/16",
        TagSpecifications=[
            {"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "moe-local"}]}
        ],
    )["Vpc"]
    boto3.client("ec2").create_subnet(
        VpcId=vpc["VpcId"],
        CidrBlock="10.20.0.0/19",
        AvailabilityZone="us-east-1a",
        TagSpecifications=[
            {
                "ResourceType": "subnet",
                "Tags": [{"Key": "Name", "Value": "moe-local-private-us-east-1a"}],
            }
        ],
    )
    wanted = plan(
        gpu_node_group={
            "capacity": {"kind": "reservation", "resource_group_arn": group["GroupArn"]},
            "placement_group": {"kind": "existing", "name": "close"},
        },
        network={"nat_gateways": "one"},
        model_weights={"kind": "s3"},
    )
    allowed_only(run.iam_policy())
    found = _held_against_policies(lambda: rows(wanted))
    unchecked = {each.check for each in found if each.found.startswith("could not be checked")}
    # moto refuses what it cannot check: it takes the signature of a call to EKS for wrong, and
    # asks for s3:HeadBucket where IAM knows s3:ListBucket alone.
    assert unchecked == {"endpoints", "weights"}
    assert {each.check for each in found} == {
        "credentials",
        "settings",
        *(check.title for check in run.CHECKS),
    }


def test_an_action_that_is_not_allowed_is_a_warning_that_names_it(
    allowed_only: Callable[[dict[str, object]], None],
) -> None:
    actions = [action for action in run.IAM_ACTIONS if action != "ec2:DescribeImages"]
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    allowed_only({"Version": "2012-10-17", "Statement": [statement]})
    (found,) = (
        each for each in _held_against_policies(lambda: rows(plan())) if each.check == "AMI release"
    )
    assert found == warn(
        "AMI release",
        "could not be checked: DescribeImages answers AccessDenied",
        "allow ec2:DescribeImages",
    )


def _check_that_raises(error: Exception, actions: tuple[str, ...] = ("s3:ListBucket",)) -> Check:
    def look(plan: Plan, aws: Clients) -> list[Finding]:
        raise error

    return Check("weights", actions, look)


@pytest.mark.parametrize(
    ("error", "found", "advice"),
    [
        (
            ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadBucket"),
            "HeadBucket answers 403",
            "allow s3:ListBucket",
        ),
        (
            ClientError({"Error": {"Code": "InvalidAction", "Message": ""}}, "HeadBucket"),
            "HeadBucket answers InvalidAction",
            "try again",
        ),
        (
            ConnectTimeoutError(endpoint_url="https://s3.example"),
            'Connect timeout on endpoint URL: "https://s3.example"',
            "let this machine reach the service",
        ),
    ],
)
def test_what_cannot_be_checked_is_a_warning_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, error: Exception, found: str, advice: str
) -> None:
    monkeypatch.setattr(run, "CHECKS", (_check_that_raises(error), offering.CHECK))
    (unchecked, *others) = rows(plan())[1:]
    assert unchecked.verdict is Verdict.WARN
    assert unchecked.found == f"could not be checked: {found}"
    assert advice in unchecked.advice
    assert [each.check for each in others] == ["offering", "offering", "settings"]


def test_only_reads_are_asked_for() -> None:
    reads = ("Describe", "Get", "List")
    assert all(action.split(":")[1].startswith(reads) for action in run.IAM_ACTIONS)
