from typing import Any

import pytest

from policies.security.storage_encrypted import POLICY
from tests.policies.engine_input import UNKNOWN, Said
from tests.policies.engine_input import check as check_resource

VOLUME = "aws:ebs/volume:Volume"
EFS = "aws:efs/fileSystem:FileSystem"
LUSTRE = "aws:fsx/lustreFileSystem:LustreFileSystem"
INSTANCE = "aws:ec2/instance:Instance"
CONFIGURATION = "aws:ec2/launchConfiguration:LaunchConfiguration"


def check(kind: str, config: dict[str, Any] | None = None, **props: Any) -> Said:
    given = {"tags": {}, **props}
    return check_resource(POLICY, given, resource_type=kind, name="data", config=config)


@pytest.mark.parametrize("kind", [VOLUME, EFS])
@pytest.mark.parametrize("encrypted", [True, "true"])
def test_what_is_encrypted_is_allowed(kind: str, encrypted: object) -> None:
    assert check(kind, encrypted=encrypted).nothing


@pytest.mark.parametrize("kind", [VOLUME, EFS])
@pytest.mark.parametrize("encrypted", [None, False, "false", "", 1, ["true"]])
def test_what_is_not_is_refused(kind: str, encrypted: object) -> None:
    said = check(kind, encrypted=encrypted).only()
    assert '"data": found encrypted ' in said
    assert "allowed: true" in said


def test_lustre_is_always_encrypted() -> None:
    assert check(LUSTRE).nothing


@pytest.mark.parametrize(
    ("props", "place"),
    [
        ({}, "rootBlockDevice"),
        ({"rootBlockDevice": {"volumeSize": 8}}, "rootBlockDevice"),
        (
            {
                "rootBlockDevice": {"encrypted": True},
                "ebsBlockDevices": [{"encrypted": True}, {"deviceName": "/dev/sdb"}],
            },
            "ebsBlockDevices 1",
        ),
    ],
)
@pytest.mark.parametrize("kind", [INSTANCE, CONFIGURATION])
def test_volumes_of_an_instance_are_judged(kind: str, props: dict[str, Any], place: str) -> None:
    assert f'"data", {place}: found encrypted nothing' in check(kind, **props).only()


def test_an_instance_of_a_template_has_its_volumes_from_there() -> None:
    assert check(INSTANCE, launchTemplate={"id": UNKNOWN}).nothing
    assert check(INSTANCE, launchTemplate=UNKNOWN).nothing


def test_a_key_of_ones_own_is_the_teams_choice() -> None:
    own = {"ownKey": True}
    for kind in (VOLUME, EFS, LUSTRE):
        assert "found no kmsKeyId" in check(kind, own, encrypted=True).only()
        assert check(kind, own, encrypted=True, kmsKeyId=UNKNOWN).nothing


@pytest.mark.parametrize(
    ("kind", "props"),
    [
        (VOLUME, {"encrypted": UNKNOWN}),
        (INSTANCE, {"rootBlockDevice": UNKNOWN}),
        (INSTANCE, {"rootBlockDevice": {"encrypted": True}, "ebsBlockDevices": UNKNOWN}),
        (INSTANCE, {"rootBlockDevice": {"encrypted": True}, "ebsBlockDevices": [UNKNOWN]}),
    ],
)
def test_what_is_not_known_is_said(kind: str, props: dict[str, Any]) -> None:
    said = check(kind, **props)
    assert not said.refusals
    assert len(said.unchecked) == 1


def test_without_any_properties_it_says_so() -> None:
    assert check_resource(POLICY, {}, resource_type=VOLUME).unchecked
    assert check_resource(POLICY, {}).nothing
