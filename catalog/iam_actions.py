"""Actions of IAM: which only read, and which cannot be limited to a resource.

An action without a resource type in AWS' Service Authorization Reference works on `"*"`
alone. They are read from cfn-lint, which ships that reference;
`python -m catalog.iam_actions` writes `iam_without_resource.json` anew.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path

_LIST = Path(__file__).with_name("iam_without_resource.json")

# Verbs of AWS' APIs that change nothing. cfn-lint's list has no access levels.
_READ_VERBS = (
    *("BatchCheck", "BatchDescribe", "BatchGet", "Check", "Describe", "Estimate", "Get", "Head"),
    *("List", "Lookup", "Preview", "Query", "Scan", "Search", "Select", "Simulate", "View"),
)
_PLAIN_METRIC = ("cloudwatch", "putmetricdata")
"""Its one resource type, a dataset, is none of a metric that a program counts itself."""

READ_VERBS = tuple(verb.lower() for verb in _READ_VERBS)


def split(action: str) -> tuple[str, str]:
    """Service and name in lower case, as IAM compares them: `s3:GetObject` is s3 and getobject.

    The service of `*`, which has none, is `*` too.
    """
    service, colon, name = action.strip().lower().partition(":")
    return (service, name) if colon else ("*", service)


def is_all_of_a_service(action: str) -> bool:
    """Whether it is `*`, `s3:*`, or a longer way to write one of them."""
    return not split(action)[1].strip("*?")


def reads_only(action: str) -> bool:
    """By its verb: `ec2:Describe*` reads, `ec2:D*` may delete."""
    return split(action)[1].startswith(READ_VERBS)


def has_no_resource(action: str) -> bool:
    """Whether IAM takes nothing but `"*"` as its resource, as of `kms:CreateKey`."""
    service, name = split(action)
    return (service, name) == _PLAIN_METRIC or name in _without_resource().get(service, ())


@cache
def _without_resource() -> Mapping[str, frozenset[str]]:
    listed: dict[str, list[str]] = json.loads(_LIST.read_text())
    return {service: frozenset(names) for service, names in listed.items()}


def text() -> str:
    """What the list has to be: actions that do more than read, by service."""
    reference = resources.files("cfnlint") / "data" / "AdditionalSpecs" / "Policies.json"
    rows = []
    for service, of_service in sorted(json.loads(reference.read_text()).items()):
        names = [
            name
            for name, action in sorted(of_service["Actions"].items())
            if not action.get("Resources") and not name.startswith(READ_VERBS)
        ]
        if names:
            rows.append(f" {json.dumps(service)}: {json.dumps(names)}")
    return "{\n" + ",\n".join(rows) + "\n}\n"


if __name__ == "__main__":
    _LIST.write_text(text())
