"""No secret lies in a ConfigMap, which is neither encrypted nor kept from whoever may read it.

An entry is a secret by its own name, or by the shape of something in it. The fields of a file that
an entry holds are not read by their names.
"""

from collections.abc import Mapping
from typing import Any

from pulumi_policy import ResourceValidationPolicy, Severity
from pulumi_policy.proxy import UnknownValueError

from policies.declared import declared
from policies.kubernetes.workloads import kind_of_object, objects
from policies.plain_secrets import is_secret, is_secret_name, shape_of
from policies.reading import child, shown
from policies.review import Config, Place, Resource, Review, of_resource


def _check(review: Review, subject: Resource, config: Config) -> None:
    if not subject.type.startswith("kubernetes:") or kind_of_object(subject) != "ConfigMap":
        return
    if (props := declared(subject)) is None:
        review.could_not_check(subject.place, "the engine gave none of its properties")
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
    if shape is None and (_is_file(text) or not is_secret(name, text)):
        return
    review.refuse(
        place,
        found=f"entry {shown(name)} "
        + ("that is a secret by its name" if shape is None else f"that has {shape} in it"),
        allowed="what everybody may read who may read the namespace",
        fix="move it to a Secret, as the External Secrets Operator does, and revoke what was"
        " written here",
    )


def _is_file(text: str) -> bool:
    """Of several lines, or JSON: settings of credentials (KServe's), not the credentials."""
    return "\n" in text.strip() or text.lstrip().startswith("{")


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
