"""What our components declare passes every policy of single resources, and is never mended."""

from collections.abc import Mapping
from typing import Any

import pytest
from pulumi_policy import ResourceValidationPolicy

from policies.pack import listed
from tests.components.declared import declared
from tests.policies.engine_input import Said, check, mend
from tests.stacks.test_model_server import across


@pytest.mark.parametrize(
    "model_server",
    [
        {"api_key_secret": "api-key"},
        {"api_key_secret": "api-key", "engine": {"kind": "deepspeed_mii"}},
        across(),
    ],
    ids=["one node", "DeepSpeed-MII", "across nodes"],
)
def test_every_engine(model_server: Mapping[str, object]) -> None:
    resources = [each for each in declared(model_server) if each.type.startswith("kubernetes:")]
    said: dict[tuple[str, str], Said] = {}
    mended = []
    for policy in (each.policy for each in listed()):
        if not isinstance(policy, ResourceValidationPolicy):
            continue
        for each in resources:
            given: dict[str, Any] = {"resource_type": each.type, "name": each.name}
            said[policy.name, each.name] = check(policy, each.inputs, **given)
            if policy.has_remediation() and mend(policy, each.inputs, **given) is not None:
                mended.append((policy.name, each.name))
    assert len(said) > 100
    assert {place: each for place, each in said.items() if not each.nothing} == {}
    assert mended == []
