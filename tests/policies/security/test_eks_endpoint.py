from typing import Any

import pytest

from policies.security.eks_endpoint import CLUSTER, POLICY
from tests.policies.engine_input import UNKNOWN, Said
from tests.policies.engine_input import check as check_resource


def check(config: dict[str, Any] | None = None, **vpc: Any) -> Said:
    props = {"name": "moe", "vpcConfig": {"subnetIds": [UNKNOWN], **vpc}}
    return check_resource(POLICY, props, resource_type=CLUSTER, name="moe", config=config)


@pytest.mark.parametrize(
    "vpc",
    [
        {"endpointPublicAccess": False},
        {"endpointPublicAccess": "false"},
        {"endpointPublicAccess": False, "publicAccessCidrs": ["0.0.0.0/0"]},
        {"endpointPublicAccess": True, "publicAccessCidrs": ["203.0.113.0/24"]},
    ],
)
def test_a_closed_endpoint_is_allowed(vpc: dict[str, Any]) -> None:
    assert check(**vpc).nothing


@pytest.mark.parametrize(
    ("vpc", "found"),
    [
        ({}, "left out, which is true, without publicAccessCidrs"),
        ({"endpointPublicAccess": True}, "endpointPublicAccess True without"),
        ({"endpointPublicAccess": True, "publicAccessCidrs": []}, "without publicAccessCidrs"),
        ({"publicAccessCidrs": ["10.0.0.0/8", "0.0.0.0/0"]}, "publicAccessCidrs 0.0.0.0/0"),
        ({"publicAccessCidrs": ["0.0.0.0/1"]}, "publicAccessCidrs 0.0.0.0/1"),
    ],
)
def test_an_open_endpoint_is_refused(vpc: dict[str, Any], found: str) -> None:
    assert found in check(**vpc).only()


def test_a_cluster_without_vpc_config_is_open() -> None:
    assert check_resource(POLICY, {"name": "moe"}, resource_type=CLUSTER).refusals


def test_large_networks_are_the_teams_choice() -> None:
    assert check({"allowedCidrs": ["16.0.0.0/6"]}, publicAccessCidrs=["17.0.0.0/7"]).nothing


@pytest.mark.parametrize(
    "vpc",
    [
        {"endpointPublicAccess": UNKNOWN},
        {"publicAccessCidrs": UNKNOWN},
        {"publicAccessCidrs": [UNKNOWN]},
        {"publicAccessCidrs": ["here"]},
    ],
)
def test_what_is_not_known_is_said(vpc: dict[str, Any]) -> None:
    said = check(**vpc)
    assert not said.refusals
    assert len(said.unchecked) == 1


def test_without_any_properties_it_says_so() -> None:
    assert check_resource(POLICY, {}, resource_type=CLUSTER).unchecked
    assert check_resource(POLICY, {}).nothing
