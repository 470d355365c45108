from typing import Any

import pytest

from policies.aws.node_groups import LAUNCH_TEMPLATE
from policies.security.launch_template_hardened import POLICY
from tests.policies.engine_input import UNKNOWN, Said
from tests.policies.engine_input import check as check_resource

METADATA = {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1}
ROOT = {"deviceName": "/dev/xvda", "ebs": {"volumeSize": 200, "encrypted": "true"}}


def check(config: dict[str, Any] | None = None, **props: Any) -> Said:
    """A launch template as components/worker_nodes.py makes it, but for `props`."""
    given = {"metadataOptions": METADATA, "blockDeviceMappings": [ROOT], **props}
    return check_resource(
        POLICY, given, resource_type=LAUNCH_TEMPLATE, name="system", config=config
    )


def test_the_component_is_allowed() -> None:
    assert check().nothing
    assert check(networkInterfaces=[{"associatePublicIpAddress": "false"}, {}]).nothing


@pytest.mark.parametrize("tokens", ["optional", None, "", True, ["required"]])
def test_imds_v1_is_refused(tokens: object) -> None:
    said = check(metadataOptions=METADATA | {"httpTokens": tokens}).only()
    assert said.startswith('LaunchTemplate "system": found metadataOptions.httpTokens ')
    assert "allowed: required" in said
    assert "fix: " in said


@pytest.mark.parametrize("limit", [None, 2, 0, 64, 1.5, "many"])
def test_more_hops_than_one_are_refused(limit: object) -> None:
    said = check(metadataOptions=METADATA | {"httpPutResponseHopLimit": limit}).only()
    assert "found metadataOptions.httpPutResponseHopLimit " in said
    assert "allowed: 1;" in said


def test_without_metadata_options_both_are_refused() -> None:
    assert len(check(metadataOptions=None).refusals) == 2


def test_the_hop_limit_can_be_configured() -> None:
    two = METADATA | {"httpPutResponseHopLimit": 2}
    assert check({"maxHopLimit": 2}, metadataOptions=two).nothing
    three = METADATA | {"httpPutResponseHopLimit": 3}
    assert "allowed: 1 to 2" in check({"maxHopLimit": 2}, metadataOptions=three).only()


@pytest.mark.parametrize("encrypted", [None, False, "false", "", 1])
def test_a_volume_that_is_not_encrypted_is_refused(encrypted: object) -> None:
    said = check(blockDeviceMappings=[ROOT, {"ebs": {"encrypted": encrypted}}]).only()
    assert 'LaunchTemplate "system", block device 1: found ebs.encrypted ' in said


@pytest.mark.parametrize("encrypted", [True, "true", "TRUE"])
def test_a_volume_that_is_encrypted_is_allowed(encrypted: object) -> None:
    assert check(blockDeviceMappings=[{"ebs": {"encrypted": encrypted}}]).nothing


@pytest.mark.parametrize("mappings", [None, [], {}, [{"virtualName": "ephemeral0"}], [None, 7]])
def test_the_root_volume_of_the_ami_is_refused(mappings: object) -> None:
    assert "found no EBS volume" in check(blockDeviceMappings=mappings).only()


@pytest.mark.parametrize("value", [True, "true", "TRUE"])
def test_a_public_address_is_refused(value: object) -> None:
    said = check(networkInterfaces=[{}, {"associatePublicIpAddress": value}]).only()
    assert 'LaunchTemplate "system", interface 1: found associatePublicIpAddress true' in said


@pytest.mark.parametrize(
    ("props", "notes"),
    [
        ({"metadataOptions": UNKNOWN}, 1),
        ({"metadataOptions": METADATA | {"httpTokens": UNKNOWN}}, 1),
        ({"metadataOptions": METADATA | {"httpPutResponseHopLimit": UNKNOWN}}, 1),
        ({"blockDeviceMappings": UNKNOWN}, 1),
        ({"blockDeviceMappings": [UNKNOWN, ROOT]}, 1),
        ({"blockDeviceMappings": [{"ebs": {"encrypted": UNKNOWN}}]}, 1),
        ({"networkInterfaces": UNKNOWN}, 1),
        ({"networkInterfaces": [UNKNOWN, {"associatePublicIpAddress": UNKNOWN}]}, 2),
    ],
)
def test_an_unknown_is_said_to_be_unchecked(props: dict[str, Any], notes: int) -> None:
    said = check(**props)
    assert not said.refusals
    assert len(said.unchecked) == notes
    assert all("can't be known" in note for note in said.unchecked)


def test_without_any_properties_it_says_so() -> None:
    said = check_resource(POLICY, {}, resource_type=LAUNCH_TEMPLATE)
    assert "the engine gave none of its properties" in said.unchecked[0]


def test_other_resources_are_none_of_its_business() -> None:
    assert check_resource(POLICY, {}, resource_type="aws:ec2/instance:Instance").nothing
