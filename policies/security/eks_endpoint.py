"""The API server of a cluster does not answer the whole internet.

EKS opens the public endpoint, to everybody, wherever a program says nothing of it.
https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html
"""

from pulumi_policy import PolicyConfigSchema, ResourceValidationPolicy, Severity

from policies.aws.cidrs import is_open, networks
from policies.choices import texts_schema
from policies.reading import child, elements, known, shown
from policies.review import Config, Resource, Review, of_resource

CLUSTER = "aws:eks/cluster:Cluster"


def _check(review: Review, subject: Resource, config: Config) -> None:
    if subject.type != CLUSTER:
        return
    if len(subject.props) == 0:
        review.has_no_properties(subject.place)
        return
    with review.reading(subject.place):
        public = child(subject.props, "vpcConfig", "endpointPublicAccess")
        if public is False or public == "false":
            return
        cidrs = elements(child(subject.props, "vpcConfig", "publicAccessCidrs"))
        if not cidrs:
            said = "left out, which is true," if public is None else shown(public)
            _refuse(review, subject, f"endpointPublicAccess {said} without publicAccessCidrs")
        for cidr in cidrs:
            with review.reading(subject.place):
                if is_open(known(cidr), networks(config, "allowedCidrs")):
                    _refuse(review, subject, f"publicAccessCidrs {shown(cidr)}")


def _refuse(review: Review, subject: Resource, found: str) -> None:
    review.refuse(
        subject.place,
        found=f"vpcConfig.{found}",
        allowed="a private endpoint, or a public one for networks of your own",
        fix="set endpointPublicAccess to false, or publicAccessCidrs to where you work from",
    )


POLICY = ResourceValidationPolicy(
    name="aws-eks-endpoint-closed",
    display_name="The API server is not open to the internet",
    description="The public endpoint of an EKS cluster is off, or limited to named networks.",
    validate=of_resource(_check),
    severity=Severity.HIGH,
    tags=["aws", "eks", "network", "security"],
    remediation_steps="Set vpcConfig.endpointPublicAccess to false and endpointPrivateAccess to"
    " true, or name your networks in publicAccessCidrs.",
    url="https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html",
    config_schema=PolicyConfigSchema(
        properties={"allowedCidrs": texts_schema("Large networks that are your own.")}
    ),
)
