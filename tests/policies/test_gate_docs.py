"""The examples of docs/how-to/pull-request-gate.md can be used as they are."""

import json
import re
from pathlib import Path
from textwrap import dedent
from typing import Any

from ruamel.yaml import YAML

from catalog.waivers import from_plain
from policies.pack import listed
from policies.waivers.waivers_hold import POLICY

TEXT = (Path(__file__).parents[2] / "docs" / "how-to" / "pull-request-gate.md").read_text()
BLOCKS = [dedent(each) for each in re.findall(r"(?:^ {4}.*\n|^\n(?= {4}))+", TEXT, re.MULTILINE)]
POLICIES = {each.policy.name: each.policy for each in listed()}


def block(start: str) -> Any:
    (found,) = [each for each in BLOCKS if each.lstrip().startswith(start)]
    return YAML(typ="safe").load(found)


def test_the_waiver_is_one_of_a_policy_that_there_is() -> None:
    (waiver,) = from_plain(block("config:")["config"]["moe-serving:waivers"])
    assert waiver.policy in POLICIES
    assert POLICY.config_schema is not None
    days = POLICY.config_schema.properties["maxDays"]["default"]
    assert f"granted for more than {days} days" in TEXT


def test_the_policy_configuration_names_policies_and_their_settings() -> None:
    configuration = json.loads(next(each for each in BLOCKS if each.lstrip().startswith("{")))
    for name, change in configuration.items():
        schema = POLICIES[name].config_schema
        if isinstance(change, dict):
            assert schema is not None
            assert change.keys() <= schema.properties.keys()
