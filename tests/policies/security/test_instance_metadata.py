from typing import Any

import pytest
from pulumi_policy import PolicyResource

from policies.aws.node_groups import LAUNCH_TEMPLATE
from policies.security.instance_metadata import INSTANCE, POLICY
from tests.policies.engine_input import UNKNOWN, Said, check_stack, resource

CONFIGURATION = "aws:ec2/launchConfiguration:LaunchConfiguration"
KINDS = pytest.mark.parametrize("kind", [INSTANCE, CONFIGURATION])


def check(kind: str, *others: PolicyResource, **props: Any) -> Said:
    return check_stack(POLICY, [resource(kind, "bastion", {"tags": {}, **props}), *others])


@KINDS
@pytest.mark.parametrize("options", [{"httpTokens": "required"}, {"httpEndpoint": "disabled"}])
def test_imdsv2_is_allowed(kind: str, options: dict[str, str]) -> None:
    assert check(kind, metadataOptions=options).nothing


@KINDS
@pytest.mark.parametrize("options", [None, {}, {"httpTokens": "optional"}, {"httpTokens": True}])
def test_imdsv1_is_refused(kind: str, options: object) -> None:
    said = check(kind, metadataOptions=options).only()
    assert '"bastion": found metadataOptions.httpTokens ' in said
    assert "allowed: required" in said


def test_an_instance_has_the_options_of_its_template() -> None:
    template = resource(LAUNCH_TEMPLATE, "node", {"id": "lt-1"})
    assert check(INSTANCE, template, launchTemplate={"id": "lt-1"}).nothing
    elsewhere = check(INSTANCE, template, launchTemplate={"id": "lt-2"})
    assert "which the stack does not declare" in elsewhere.unchecked[0]
    tokens = {"httpTokens": "optional"}
    assert check(INSTANCE, template, launchTemplate={"id": "lt-1"}, metadataOptions=tokens).refusals


@KINDS
@pytest.mark.parametrize("options", [UNKNOWN, {"httpTokens": UNKNOWN}])
def test_what_is_not_known_is_said(kind: str, options: object) -> None:
    said = check(kind, metadataOptions=options)
    assert not said.refusals
    assert len(said.unchecked) == 1


def test_without_any_properties_it_says_so() -> None:
    assert check_stack(POLICY, [resource(INSTANCE, "bastion", {})]).unchecked
