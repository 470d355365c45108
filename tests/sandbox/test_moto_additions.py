"""What the sandbox teaches moto: in this process, and over a server's HTTP."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core.base_backend import BackendDict

from sandbox.aws_server import additions
from sandbox.aws_server.additions import eks_images

REGION, ACCOUNT = "us-west-2", "123456789012"
ARN = f"arn:aws:ec2:{REGION}:{ACCOUNT}"
P_INSTANCES = "L-417A185B"
Client = Callable[..., Any]


@pytest.fixture(params=["in process", "over HTTP"])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Makes clients of a moto that holds nothing yet."""
    make: Any = boto3.client
    keys = {"aws_access_key_id": "AKIATEST", "aws_secret_access_key": "test"}
    mock: AbstractContextManager[Any] = nullcontext()
    if request.param == "in process":
        mock = mock_aws()
    else:
        keys["endpoint_url"] = request.getfixturevalue("moto_url")
    with mock:
        additions.install()
        yield lambda service, region=REGION: make(service, region_name=region, **keys)
        BackendDict.reset()


def refused(call: Callable[..., Any], **params: Any) -> str:
    """The code of the error."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


def reserve(ec2: Any, **changed: Any) -> dict[str, Any]:
    params = {
        "InstanceType": "p4d.24xlarge",
        "InstancePlatform": "Linux/UNIX",
        "AvailabilityZone": f"{REGION}a",
        "InstanceCount": 2,
        **changed,
    }
    found: dict[str, Any] = ec2.create_capacity_reservation(**params)["CapacityReservation"]
    return found


def one_reservation(ec2: Any, identifier: str) -> Any:
    answer = ec2.describe_capacity_reservations(CapacityReservationIds=[identifier])
    (found,) = answer["CapacityReservations"]
    return found


def test_a_reservation_is_made_changed_and_cancelled(client: Client) -> None:
    ec2 = client("ec2")
    made = reserve(
        ec2,
        TagSpecifications=[
            {"ResourceType": "capacity-reservation", "Tags": [{"Key": "team", "Value": "ml"}]}
        ],
    )
    identifier = made["CapacityReservationId"]
    assert identifier.startswith("cr-")
    assert len(identifier) == len("cr-") + 17
    assert made["CapacityReservationArn"] == f"{ARN}:capacity-reservation/{identifier}"
    assert made["OwnerId"] == ACCOUNT
    assert made["AvailabilityZoneId"].startswith("usw2-az")
    assert (made["State"], made["ReservationType"]) == ("active", "default")
    assert (made["TotalInstanceCount"], made["AvailableInstanceCount"]) == (2, 2)
    assert (made["EndDateType"], made["InstanceMatchCriteria"]) == ("unlimited", "open")
    assert made["Tags"] == [{"Key": "team", "Value": "ml"}]
    assert one_reservation(ec2, identifier) == made

    ec2.modify_capacity_reservation(CapacityReservationId=identifier, InstanceCount=5)
    ec2.create_tags(Resources=[identifier], Tags=[{"Key": "more", "Value": "tags"}])
    changed = one_reservation(ec2, identifier)
    assert (changed["TotalInstanceCount"], changed["AvailableInstanceCount"]) == (5, 5)
    assert {tag["Key"] for tag in changed["Tags"]} == {"team", "more"}

    ec2.cancel_capacity_reservation(CapacityReservationId=identifier)
    gone = one_reservation(ec2, identifier)
    assert (gone["State"], gone["AvailableInstanceCount"]) == ("cancelled", 0)


def test_reservations_are_found_by_filters(client: Client) -> None:
    ec2 = client("ec2")
    packed = f"{ARN}:placement-group/packed"
    first = reserve(ec2, PlacementGroupArn=packed)["CapacityReservationId"]
    second = reserve(ec2, InstanceType="p5.48xlarge")["CapacityReservationId"]
    ec2.create_tags(Resources=[second], Tags=[{"Key": "team", "Value": "ml"}])
    for name, value, wanted in (
        ("instance-type", "p5.*", [second]),
        ("availability-zone", f"{REGION}a", [first, second]),
        ("placement-group-arn", packed, [first]),
        ("state", "cancelled", []),
        ("owner-id", ACCOUNT, [first, second]),
        ("tag:team", "ml", [second]),
    ):
        filters = [{"Name": name, "Values": [value]}]
        answer = ec2.describe_capacity_reservations(Filters=filters)["CapacityReservations"]
        assert [found["CapacityReservationId"] for found in answer] == wanted, name


def test_reservations_that_ec2_refuses(client: Client) -> None:
    ec2 = client("ec2")
    unknown = "cr-00000000000000000"
    code = "InvalidCapacityReservationId.NotFound"
    assert refused(ec2.describe_capacity_reservations, CapacityReservationIds=[unknown]) == code
    assert refused(ec2.cancel_capacity_reservation, CapacityReservationId=unknown) == code
    assert refused(ec2.modify_capacity_reservation, CapacityReservationId=unknown) == code
    assert refused(reserve, ec2=ec2, InstanceType="p4d.25xlarge") == "InvalidInstanceType"
    assert refused(reserve, ec2=ec2, AvailabilityZone="us-east-1a") == "InvalidParameterValue"
    assert refused(reserve, ec2=ec2, DryRun=True) == "DryRunOperation"
    assert ec2.describe_capacity_reservations()["CapacityReservations"] == []


def test_a_seeded_block_is_as_the_test_says(client: Client) -> None:
    identifier = additions.seed_capacity_reservation(
        REGION,
        ACCOUNT,
        instance_type="p5.48xlarge",
        availability_zone=f"{REGION}b",
        reservation_type="capacity-block",
        state="scheduled",
        total_instance_count=4,
        available_instance_count=1,
        tags={"team": "ml"},
    )
    found = one_reservation(client("ec2"), identifier)
    assert (found["ReservationType"], found["State"]) == ("capacity-block", "scheduled")
    assert (found["TotalInstanceCount"], found["AvailableInstanceCount"]) == (4, 1)
    assert found["Tags"] == [{"Key": "team", "Value": "ml"}]
    elsewhere = client("ec2", "us-east-1").describe_capacity_reservations()
    assert elsewhere["CapacityReservations"] == []


def test_a_placement_group_is_made_and_deleted(client: Client) -> None:
    ec2 = client("ec2")
    made = ec2.create_placement_group(
        GroupName="packed",
        Strategy="cluster",
        TagSpecifications=[
            {"ResourceType": "placement-group", "Tags": [{"Key": "team", "Value": "ml"}]}
        ],
    )["PlacementGroup"]
    assert made["GroupId"].startswith("pg-")
    assert made["GroupArn"] == f"{ARN}:placement-group/packed"
    assert (made["Strategy"], made["State"]) == ("cluster", "available")
    for question in (
        {"GroupNames": ["packed"]},
        {"GroupIds": [made["GroupId"]]},
        {"Filters": [{"Name": "strategy", "Values": ["cluster"]}]},
        {"Filters": [{"Name": "tag:team", "Values": ["ml"]}]},
    ):
        assert ec2.describe_placement_groups(**question)["PlacementGroups"] == [made], question
    spread = [{"Name": "spread-level", "Values": ["rack"]}]
    assert ec2.describe_placement_groups(Filters=spread)["PlacementGroups"] == []
    again = refused(ec2.create_placement_group, GroupName="packed", Strategy="cluster")
    assert again == "InvalidPlacementGroup.Duplicate"
    ec2.delete_placement_group(GroupName="packed")
    unknown = "InvalidPlacementGroup.Unknown"
    assert refused(ec2.describe_placement_groups, GroupNames=["packed"]) == unknown
    assert refused(ec2.delete_placement_group, GroupName="packed") == unknown


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "ap-south-2", "cn-north-1"])
def test_the_quota_of_p_instances_in_any_region(client: Client, region: str) -> None:
    quotas = client("service-quotas", region)

    def value() -> Any:
        answer = quotas.get_service_quota(ServiceCode="ec2", QuotaCode=P_INSTANCES)
        return answer["Quota"]["Value"]

    assert value() == 1536
    additions.set_service_quota(P_INSTANCES, 192)
    assert value() == 192
    BackendDict.reset()
    assert value() == 1536
    code = refused(quotas.get_service_quota, ServiceCode="ec2", QuotaCode="L-00000000")
    assert code == "NoSuchResourceException"


def test_only_known_quotas_can_be_set() -> None:
    with pytest.raises(ValueError, match=f"no quota L-1; there are {P_INSTANCES}"):
        additions.set_service_quota("L-1", 1)


def test_a_pool_of_reservations(client: Client) -> None:
    groups, reservation = client("resource-groups"), f"{ARN}:capacity-reservation/cr-1"
    configuration = [{"Type": "AWS::EC2::CapacityReservationPool"}]
    arn = groups.create_group(Name="pool", Configuration=configuration)["Group"]["GroupArn"]
    joined = groups.group_resources(Group="pool", ResourceArns=[reservation, "arn:aws:s3:::b"])
    assert joined["Succeeded"] == [reservation]
    assert [failed["ResourceArn"] for failed in joined["Failed"]] == ["arn:aws:s3:::b"]
    for named in ("pool", arn):
        assert groups.get_group(Group=named)["Group"]["Name"] == "pool"
        found = groups.get_group_configuration(Group=named)["GroupConfiguration"]
        assert found["Configuration"] == configuration
        (member,) = groups.list_group_resources(Group=named)["Resources"]
        assert member["Identifier"] == {
            "ResourceArn": reservation,
            "ResourceType": "AWS::EC2::CapacityReservation",
        }
    groups.ungroup_resources(Group=arn, ResourceArns=[reservation])
    assert groups.list_group_resources(Group=arn)["Resources"] == []
    assert refused(groups.list_group_resources, Group="other") == "NotFoundException"


@pytest.mark.parametrize("variant", ["standard", "nvidia"])
@pytest.mark.parametrize("day", ["20261015", "20261101"])
def test_images_of_eks_are_in_every_region(client: Client, variant: str, day: str) -> None:
    name = f"amazon-eks-node-al2023-x86_64-{variant}-1.35-v{day}"
    filters = [{"Name": "name", "Values": [name]}]
    identifiers = set()
    for region in (REGION, "eu-north-1"):
        ec2 = client("ec2", region)
        for owners in ([], [eks_images.OWNER_ID], ["amazon"]):
            (image,) = ec2.describe_images(Owners=owners, Filters=filters)["Images"]
            assert (image["OwnerId"], image["ImageOwnerAlias"]) == ("602401143452", "amazon")
            assert (image["Architecture"], image["State"]) == ("x86_64", "available")
            identifiers.add(image["ImageId"])
        assert ec2.describe_images(Owners=["self"], Filters=filters)["Images"] == []
    assert len(identifiers) == 2


def test_a_reset_clears_all_of_it(moto_url: str) -> None:
    make: Any = boto3.client
    keys = {"aws_access_key_id": "AKIATEST", "aws_secret_access_key": "test"}
    ec2 = make("ec2", region_name=REGION, endpoint_url=moto_url, **keys)
    ec2.create_placement_group(GroupName="packed", Strategy="cluster")
    reserve(ec2)
    images = ec2.describe_images(Owners=[eks_images.OWNER_ID])["Images"]
    reset = urllib.request.Request(f"{moto_url}/moto-api/reset", method="POST")
    urllib.request.urlopen(reset, timeout=10).close()
    assert ec2.describe_placement_groups()["PlacementGroups"] == []
    assert ec2.describe_capacity_reservations()["CapacityReservations"] == []
    again = ec2.describe_images(Owners=[eks_images.OWNER_ID])["Images"]
    assert [image["ImageId"] for image in again] == [image["ImageId"] for image in images]


def test_what_moto_held_before_is_not_lost() -> None:
    program = """
import boto3, moto
from sandbox.aws_server import additions
with moto.mock_aws():
    ec2 = boto3.client("ec2", region_name="us-west-2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    additions.install()
    additions.install()
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
    assert ec2.describe_placement_groups()["PlacementGroups"] == []
"""
    subprocess.run([sys.executable, "-c", program], check=True)
