"""Instance types, where they are, how many are allowed, and the images that they start from."""

from typing import Any

import pytest
from moto.ec2.models import ec2_backends
from moto.ec2.models.instance_types import INSTANCE_TYPES

from preflight import ami_release, instance_type, offering, quota
from preflight.finding import Verdict
from sandbox.aws_server.additions import set_service_quota
from tests.preflight.conftest import ACCOUNT, REGION, plan, row_of, rows_of

P_INSTANCES = "L-417A185B"


# --- offering


def test_another_zone_of_the_network_has_it() -> None:
    found = row_of(offering.CHECK, plan(gpu_node_group={"instance_type": "p4de.24xlarge"}))
    assert found.verdict is Verdict.FAIL
    assert found.found == "us-east-1a has no p4de.24xlarge"
    assert found.advice == (
        "set gpu_node_group.zone to us-east-1b; with network.zones changed too: us-east-1c"
    )


def test_only_a_zone_outside_the_network_has_it() -> None:
    found = row_of(
        offering.CHECK,
        plan(
            aws={"region": "eu-west-1"},
            network={"zones": ["eu-west-1a", "eu-west-1b"]},
            gpu_node_group={"zone": "eu-west-1a"},
        ),
    )
    assert found.verdict is Verdict.FAIL
    assert found.advice == "with network.zones changed too: eu-west-1c"


def test_no_zone_of_the_region_has_it() -> None:
    found = row_of(
        offering.CHECK,
        plan(
            aws={"region": "us-east-2"},
            network={"zones": ["us-east-2a", "us-east-2b"]},
            gpu_node_group={"zone": "us-east-2a", "instance_type": "p4de.24xlarge"},
        ),
    )
    assert found.verdict is Verdict.FAIL
    assert found.found == "no zone of us-east-2 has p4de.24xlarge"


def test_a_zone_without_the_type_of_the_system_nodes() -> None:
    found = row_of(offering.CHECK, plan(network={"zones": ["us-east-1a", "us-east-1e"]}))
    assert found.verdict is Verdict.FAIL
    assert found.found == "us-east-1e without m6i.xlarge"


# --- instance type


def test_ec2_says_something_else_than_the_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    (gpus,) = INSTANCE_TYPES["p4d.24xlarge"]["GpuInfo"]["Gpus"]
    monkeypatch.setitem(gpus, "Count", 4)
    found = row_of(instance_type.CHECK, plan())
    assert found.verdict is Verdict.FAIL
    assert "4 GPUs, not 8" in found.found


def test_fewer_efa_interfaces_than_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    efa = INSTANCE_TYPES["p4d.24xlarge"]["NetworkInfo"]["EfaInfo"]
    monkeypatch.setitem(efa, "MaximumEfaInterfaces", 2)
    found = row_of(instance_type.CHECK, plan(gpu_node_group={"efa": {"enabled": True}}))
    assert found.verdict is Verdict.FAIL
    assert found.found == "p4d.24xlarge takes 2 EFA interfaces, 4 are wanted"


def test_a_type_without_efa(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(INSTANCE_TYPES["p4d.24xlarge"]["NetworkInfo"], "EfaSupported", False)
    assert (
        row_of(instance_type.CHECK, plan(gpu_node_group={"efa": {"enabled": True}})).verdict
        == "fail"
    )
    assert row_of(instance_type.CHECK, plan()).verdict is Verdict.OK


# --- quota


def test_a_quota_below_the_largest_number_of_nodes() -> None:
    set_service_quota(P_INSTANCES, 96)
    found = row_of(quota.CHECK, plan())
    assert found.verdict is Verdict.FAIL
    assert found.found == "96 vCPUs of P instances, 192 wanted: max_nodes 2 x 96"
    assert "--desired-value 192" in found.advice


def test_others_take_from_the_quota_and_our_own_nodes_do_not(ec2: Any) -> None:
    set_service_quota(P_INSTANCES, 288)
    image = ec2.describe_images()["Images"][0]["ImageId"]
    tag = {"Key": "eks:cluster-name", "Value": "moe-local"}
    ours = [{"ResourceType": "instance", "Tags": [tag]}]
    for tags, kind in ((ours, "p4d.24xlarge"), ([], "m6i.xlarge")):
        ec2.run_instances(
            ImageId=image, InstanceType=kind, MinCount=1, MaxCount=1, TagSpecifications=tags
        )
    assert row_of(quota.CHECK, plan()).verdict is Verdict.OK
    ec2.run_instances(ImageId=image, InstanceType="p4d.24xlarge", MinCount=2, MaxCount=2)
    found = row_of(quota.CHECK, plan())
    assert found.verdict is Verdict.FAIL
    assert found.found.endswith("max_nodes 2 x 96 and 192 of other instances")


def test_a_quota_too_small_for_an_update() -> None:
    set_service_quota(P_INSTANCES, 192)
    found = row_of(quota.CHECK, plan())
    assert found.verdict is Verdict.WARN
    assert "terminate_first" in found.advice
    assert "--desired-value 288" in found.advice
    update = {"strategy": "terminate_first"}
    assert row_of(quota.CHECK, plan(gpu_node_group={"update": update})).verdict is Verdict.OK


def test_a_capacity_block_needs_no_quota() -> None:
    set_service_quota(P_INSTANCES, 0)
    block = {"kind": "capacity_block", "reservation_id": f"cr-{'0' * 17}"}
    found = row_of(quota.CHECK, plan(gpu_node_group={"capacity": block}))
    assert found.verdict is Verdict.OK
    assert "does not count" in found.found


# --- AMI release


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("gpu_node_group", "ami_release_version"),
        ("cluster", "system_ami_release_version"),
    ],
)
def test_a_release_that_does_not_exist(section: str, key: str) -> None:
    found = row_of(ami_release.CHECK, plan(**{section: {key: "1.35.2-20261016"}}))
    assert found.verdict is Verdict.FAIL
    assert found.found == "no release 1.35.2-20261016"
    assert found.advice == f"set {section}.{key} to 1.35.<patch>-20261101, the newest"


def test_a_version_of_kubernetes_without_images() -> None:
    found = rows_of(
        ami_release.CHECK,
        plan(
            cluster={
                "kubernetes_version": "1.34",
                "system_ami_release_version": "1.34.6-20261015",
            },
            gpu_node_group={"ami_release_version": "1.34.6-20261015"},
        ),
    )
    assert [each.verdict for each in found] == [Verdict.FAIL, Verdict.FAIL]
    assert found[0].found == "us-east-1 has no AMI of Kubernetes 1.34"


@pytest.fixture
def real_description() -> None:
    """As AWS writes it, on every image."""
    for image in ec2_backends[ACCOUNT][REGION].amis.values():
        image.description = (
            "EKS-optimized Kubernetes node based on Amazon Linux 2023,"
            " (k8s: 1.35.4, containerd: 2.2.5-1.amzn2023.0.4)"
        )


@pytest.mark.usefixtures("real_description")
def test_the_release_of_that_day_has_another_patch() -> None:
    found = row_of(
        ami_release.CHECK, plan(cluster={"system_ami_release_version": "1.35.4-20261015"})
    )
    assert found.verdict is Verdict.FAIL
    assert found.found == "the release of 20261015 is 1.35.4-20261015, not 1.35.2-20261015"
    assert found.advice == "set gpu_node_group.ami_release_version to 1.35.4-20261015"


@pytest.mark.usefixtures("real_description")
def test_the_newest_release_with_its_patch() -> None:
    found = row_of(
        ami_release.CHECK,
        plan(
            cluster={"system_ami_release_version": "1.35.4-20261015"},
            gpu_node_group={"ami_release_version": "1.35.4-20261016"},
        ),
    )
    assert found.advice.endswith("1.35.4-20261101, the newest")
