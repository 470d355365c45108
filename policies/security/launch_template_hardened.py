"""Nodes keep their credentials, their disks and their addresses to themselves.

IMDSv1 answers whatever a pod can be made to request; with one hop even IMDSv2 answers
the node alone, and a limit that is left out is the AMI's or the account's. EC2
encrypts a volume only where it is told to.
https://docs.aws.amazon.com/eks/latest/best-practices/identity-and-access-management.html
"""

from collections.abc import Mapping
from typing import Any

from pulumi_policy import PolicyConfigSchema, ResourceValidationPolicy, Severity

from policies.aws.node_groups import LAUNCH_TEMPLATE
from policies.quantities import quantity
from policies.reading import child, elements, find, is_true, known, shown
from policies.review import Config, Resource, Review, of_resource

_MAX_HOP_LIMIT = 1


def _check(review: Review, subject: Resource, config: Config) -> None:
    if subject.type != LAUNCH_TEMPLATE:
        return
    if len(subject.props) == 0:
        review.has_no_properties(subject.place)
        return
    with review.reading(subject.place):
        _check_metadata(review, subject, int(config.get("maxHopLimit", _MAX_HOP_LIMIT)))
    with review.reading(subject.place):
        _check_volumes(review, subject)
    with review.reading(subject.place):
        for index, interface in enumerate(elements(child(subject.props, "networkInterfaces"))):
            place = subject.place.inside(f"interface {index}")
            with review.reading(place):
                if is_true(child(known(interface), "associatePublicIpAddress")):
                    review.refuse(
                        place,
                        found="associatePublicIpAddress true",
                        allowed="false",
                        fix="leave it out, and put the nodes in a private subnet",
                    )


def _check_metadata(review: Review, subject: Resource, max_hop_limit: int) -> None:
    options = child(subject.props, "metadataOptions")
    with review.reading(subject.place):
        tokens = child(options, "httpTokens")
        if tokens != "required":
            review.refuse(
                subject.place,
                found=f"metadataOptions.httpTokens {shown(tokens)}",
                allowed="required",
                fix="set it, so that IMDSv1 does not answer",
            )
    with review.reading(subject.place):
        limit = child(options, "httpPutResponseHopLimit")
        number = quantity(limit)
        if number is None or not 1 <= number <= max_hop_limit:
            allowed = "1" if max_hop_limit == 1 else f"1 to {max_hop_limit}"
            review.refuse(
                subject.place,
                found=f"metadataOptions.httpPutResponseHopLimit {shown(limit)}",
                allowed=allowed,
                fix="set it, and give pods their rights by EKS Pod Identity",
            )


def _check_volumes(review: Review, subject: Resource) -> None:
    mappings = child(subject.props, "blockDeviceMappings")
    for index, mapping in enumerate(elements(mappings)):
        place = subject.place.inside(f"block device {index}")
        with review.reading(place):
            volume = child(known(mapping), "ebs")
            if isinstance(volume, Mapping) and not is_true(child(volume, "encrypted")):
                review.refuse(
                    place,
                    found=f"ebs.encrypted {shown(child(volume, 'encrypted'))}",
                    allowed="true",
                    fix="set it, and kmsKeyId for a key of your own",
                )
    if find(mappings, _is_volume) is None:
        review.refuse(
            subject.place,
            found="no EBS volume, so the AMI's own root volume, which is not encrypted",
            allowed="an encrypted root volume",
            fix="declare it in blockDeviceMappings with ebs.encrypted true",
        )


def _is_volume(mapping: Any) -> bool:
    return isinstance(child(mapping, "ebs"), Mapping)


POLICY = ResourceValidationPolicy(
    name="aws-launch-template-hardened",
    display_name="Nodes are closed by default",
    description="A launch template demands IMDSv2 within the node, encrypts its volumes and"
    " assigns no public address.",
    validate=of_resource(_check),
    severity=Severity.HIGH,
    tags=["aws", "ec2", "security"],
    remediation_steps="Set metadataOptions.httpTokens to required and httpPutResponseHopLimit to 1,"
    " ebs.encrypted to true, and associatePublicIpAddress to false.",
    url="https://docs.aws.amazon.com/eks/latest/best-practices/identity-and-access-management.html",
    config_schema=PolicyConfigSchema(
        properties={
            "maxHopLimit": {
                "type": "integer",
                "description": "Largest httpPutResponseHopLimit; 2 lets pods reach the node's"
                " credentials.",
                "minimum": 1,
                "maximum": 64,
                "default": _MAX_HOP_LIMIT,
            }
        }
    ),
)
