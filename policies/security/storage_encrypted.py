"""Volumes and file systems are encrypted at rest.

EBS and EFS encrypt only what is told to be, and neither can be changed once it is there; an
account may have a default for EBS, which no preview can see. FSx for Lustre encrypts always,
so that only whose key it uses is a question. Volumes of launch templates are judged by
`launch_template_hardened`, and S3 has encrypted every object since 2023.
https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption.html
https://docs.aws.amazon.com/efs/latest/ug/encryption-at-rest.html
https://docs.aws.amazon.com/fsx/latest/LustreGuide/encryption-at-rest.html
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy import PolicyConfigSchema, ResourceValidationPolicy, Severity
from pulumi_policy.proxy import UnknownValueError

from policies.reading import child, elements, is_true, known, shown
from policies.review import Config, Place, Resource, Review, of_resource

_ENCRYPTED_IF_TOLD = ("aws:ebs/volume:Volume", "aws:efs/fileSystem:FileSystem")
_ALWAYS_ENCRYPTED = ("aws:fsx/lustreFileSystem:LustreFileSystem",)
_WITH_VOLUMES = (
    "aws:ec2/instance:Instance",
    "aws:ec2/launchConfiguration:LaunchConfiguration",
    "aws:ec2/spotInstanceRequest:SpotInstanceRequest",
)
_TYPES = frozenset({*_ENCRYPTED_IF_TOLD, *_ALWAYS_ENCRYPTED, *_WITH_VOLUMES})


def _check(review: Review, subject: Resource, config: Config) -> None:
    if subject.type not in _TYPES:
        return
    if len(subject.props) == 0:
        review.has_no_properties(subject.place)
        return
    own_key = is_true(config.get("ownKey"))
    for place, fields in _disks(review, subject):
        with review.reading(place):
            if subject.type not in _ALWAYS_ENCRYPTED:
                _check_encrypted(review, place, fields)
            if own_key and not _has_key(fields):
                review.refuse(
                    place,
                    found="no kmsKeyId",
                    allowed="a KMS key of your own",
                    fix="set kmsKeyId to the ARN of the key",
                )


def _disks(review: Review, subject: Resource) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    if subject.type not in _WITH_VOLUMES:
        yield subject.place, subject.props
        return
    root = subject.place.inside("rootBlockDevice")
    with review.reading(root):
        given = child(subject.props, "rootBlockDevice")
        # An instance of a launch template has its volumes from there.
        if given is not None or not _has_template(subject):
            yield root, given if isinstance(given, Mapping) else {}
    with review.reading(subject.place):
        for index, device in enumerate(elements(child(subject.props, "ebsBlockDevices"))):
            place = subject.place.inside(f"ebsBlockDevices {index}")
            with review.reading(place):
                if isinstance(known(device), Mapping):
                    yield place, device


def _has_template(subject: Resource) -> bool:
    try:
        return child(subject.props, "launchTemplate") is not None
    except UnknownValueError:
        return True


def _check_encrypted(review: Review, place: Place, fields: Mapping[str, Any]) -> None:
    if not is_true(encrypted := child(fields, "encrypted")):
        review.refuse(
            place,
            found=f"encrypted {shown(encrypted)}",
            allowed="true",
            fix="set it, and kmsKeyId for a key of your own",
        )


def _has_key(fields: Mapping[str, Any]) -> bool:
    try:
        return child(fields, "kmsKeyId") not in (None, "")
    except UnknownValueError:
        return True


POLICY = ResourceValidationPolicy(
    name="aws-storage-encrypted",
    display_name="Volumes and file systems are encrypted",
    description="EBS volumes, EFS file systems and the volumes of instances are encrypted, by a"
    " KMS key of your own where the platform team wants it.",
    validate=of_resource(_check),
    severity=Severity.HIGH,
    tags=["aws", "ebs", "efs", "encryption", "fsx", "security"],
    remediation_steps="Set encrypted to true and kmsKeyId to a key of your own; both are settled"
    " when the volume or file system is made.",
    url="https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption.html",
    config_schema=PolicyConfigSchema(
        properties={
            "ownKey": {
                "type": "boolean",
                "description": "Whether each, FSx for Lustre too, must name a kmsKeyId.",
                "default": False,
            }
        }
    ),
)
