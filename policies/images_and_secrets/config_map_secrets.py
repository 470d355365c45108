"""No secret lies in a ConfigMap, which is neither encrypted nor kept from whoever may read it.

An entry is a secret by its own name, or by the shape of something in it. Where it holds a file of
nothing but settings (`KEY=VALUE`, `key: value`), each of them is judged by its name as well; of a
script or a JSON text none is.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy import ResourceValidationPolicy, Severity
from pulumi_policy.proxy import UnknownValueError

from policies.declared import declared
from policies.kubernetes.workloads import kind_of_object, objects
from policies.plain_secrets import is_secret, is_secret_name, shape_of
from policies.reading import child, shown
from policies.review import Config, Place, Resource, Review, of_resource

_SETTING = re.compile(
    r"(?:-\s+)?(?:export\s+)?[\"']?(?P<name>[A-Za-z_][\w.-]*)[\"']?\s*(?:=|:(?=\s|$))(?P<value>.*)"
)
_NO_SETTING = re.compile(r"(?:[#;!].*|\[[\w. \"-]*\]|---|-\s.*)?")
"""A comment, the head of a section, an element of a list, or nothing."""
_CODE = re.compile(r"[\w.]*[\w]\(.*|[&*|>][\w+-]*|\$.*")
"""A call, an anchor or an alias of YAML, or an expansion of the shell."""


def _check(review: Review, subject: Resource, config: Config) -> None:
    if not subject.type.startswith("kubernetes:") or kind_of_object(subject) != "ConfigMap":
        return
    if (props := declared(subject)) is None:
        review.has_no_properties(subject.place)
        return
    for place, _, config_map in objects(review, subject, props):
        with review.reading(place):
            data = child(config_map, "data")
            for name in data if isinstance(data, Mapping) else ():
                with review.reading(place):
                    _check_entry(review, place, name, data)


def _check_entry(review: Review, place: Place, name: str, data: Mapping[str, Any]) -> None:
    try:
        text = data[name]
    except UnknownValueError:
        if is_secret_name(name):
            raise
        return
    if not isinstance(text, str):
        return
    shape = shape_of(text)
    if shape is not None:
        _refuse(review, place, f"entry {shown(name)} that has {shape} in it")
    elif is_secret(name, text):
        _refuse(review, place, f"entry {shown(name)} that is a secret by its name")
    for setting, value in _settings(text) if shape is None else ():
        if is_secret(setting, value):
            what = f"setting {shown(setting)} that is a secret by its name"
            _refuse(review, place, f"entry {shown(name)} with a {what}")


def _refuse(review: Review, place: Place, found: str) -> None:
    review.refuse(
        place,
        found=found,
        allowed="what everybody may read who may read the namespace",
        fix="move it to a Secret, as the External Secrets Operator does, and revoke what was"
        " written here",
    )


def _settings(text: str) -> Iterator[tuple[str, str]]:
    """Name and value of each line of `text`; nothing where one of its lines is none."""
    found = []
    for line in map(str.strip, text.splitlines()):
        if setting := _SETTING.fullmatch(line):
            found.append((setting["name"], _unquoted(setting["value"].strip())))
        elif not _NO_SETTING.fullmatch(line):
            return
    yield from ((name, value) for name, value in found if not _CODE.fullmatch(value))


def _unquoted(value: str) -> str:
    """Without a comment behind it."""
    if value.startswith(("'", '"')):
        return value[1:].partition(value[0])[0]
    return value.partition(" #")[0]


POLICY = ResourceValidationPolicy(
    name="kubernetes-config-map-no-secrets",
    display_name="No secret in a ConfigMap",
    description="Passwords, tokens and keys are in Secrets, not in ConfigMaps.",
    validate=of_resource(_check),
    severity=Severity.CRITICAL,
    tags=["kubernetes", "secrets", "security"],
    remediation_steps="Move the entry to a Secret; revoke the value that was written out.",
    url="https://kubernetes.io/docs/concepts/configuration/secret/",
)
