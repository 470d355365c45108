"""What a platform team may choose: the example of docs/how-to/choose-what-policies-allow.md."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from policies.choices import texts
from policies.pack import listed
from tests.policies.engine_input import proxied

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "choose-what-policies-allow.md"
PROPERTIES: dict[str, dict[str, Any]] = {
    each.policy.name: each.policy.config_schema.properties
    for each in listed()
    if each.policy.config_schema is not None
}
TYPES = {"array": list, "boolean": bool, "number": int}


def test_the_example_is_of_policies_and_of_what_they_let_choose() -> None:
    found = re.search(r"^ {4}\{\n.*?^ {4}\}$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    for policy, choices in json.loads(found[0]).items():
        for key, value in choices.items():
            assert isinstance(value, TYPES[PROPERTIES[policy][key]["type"]])


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"names": ["a", "b"]}, ("a", "b")),
        ({"names": [443]}, ("443",)),
        ({"names": "ab"}, ()),
        ({"names": None}, ()),
        ({"other": ["a"]}, ()),
    ],
)
def test_a_list_is_read_and_nothing_else(given: dict[str, object], read: tuple[str, ...]) -> None:
    assert texts(proxied(given), "names") == read
