"""Instances that are not a node group's demand IMDSv2 as well.

IMDSv1 answers any request that a process can be made to send, with the credentials of the
instance's role. Launch templates are judged by `launch_template_hardened`; an
instance of one has its options from there.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
"""

from collections.abc import Sequence

from pulumi_policy import PolicyResource, Severity, StackValidationPolicy

from policies.aws.capacity import is_given
from policies.aws.node_groups import of_type, template_of
from policies.declared import declared
from policies.reading import child, shown
from policies.review import Config, Review, of_stack, resource

INSTANCE = "aws:ec2/instance:Instance"
_TYPES = (
    INSTANCE,
    "aws:ec2/launchConfiguration:LaunchConfiguration",
    "aws:ec2/spotInstanceRequest:SpotInstanceRequest",
)


def _check(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
    for member in of_type(resources, *_TYPES):
        place = resource(member).place
        if (props := declared(member)) is None:
            review.has_no_properties(place)
            continue
        with review.reading(place):
            options = child(props, "metadataOptions")
            tokens = child(options, "httpTokens")
            if tokens == "required" or child(options, "httpEndpoint") == "disabled":
                continue
            if tokens is not None or not is_given(member, "launchTemplate"):
                review.refuse(
                    place,
                    found=f"metadataOptions.httpTokens {shown(tokens)}",
                    allowed="required",
                    fix="set it, so that IMDSv1 does not answer",
                )
            elif template_of(member, resources) is None:
                review.could_not_check(
                    place,
                    "metadataOptions.httpTokens of its launch template, which the stack does not"
                    " declare",
                )


POLICY = StackValidationPolicy(
    name="aws-instance-imdsv2",
    display_name="IMDSv1 does not answer",
    description="EC2 instances, spot requests and launch configurations demand IMDSv2.",
    validate=of_stack(_check),
    severity=Severity.HIGH,
    tags=["aws", "ec2", "security"],
    remediation_steps="Set metadataOptions.httpTokens to required.",
    url="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html",
)
