"""The EKS control plane and the nodes that are not for GPUs."""

from ipaddress import IPv4Network
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from catalog.section import Section
from stacks.settings.section import AmiReleaseVersion, InstanceTypePattern, KmsKeyArn, refused

_FIRST_CNI_FOR_EFA_ONLY = (1, 18, 5)


def _knows_efa_only(version: str) -> str:
    number = version.removeprefix("v").partition("-")[0]
    if tuple(int(part) for part in number.split(".")) < _FIRST_CNI_FOR_EFA_ONLY:
        raise ValueError(
            f"{version} is not allowed; allowed: v1.18.5-eksbuild.1 or later, the first that"
            " leaves efa-only interfaces alone"
        )
    return version


class ClusterSettings(Section):
    """The EKS control plane and the nodes that are not for GPUs."""

    kubernetes_version: Annotated[str, StringConstraints(pattern=r"^1\.\d{2}$")]
    """Minor version of Kubernetes, such as "1.35"."""
    vpc_cni_version: (
        Annotated[
            str,
            StringConstraints(pattern=r"^v\d+\.\d+\.\d+-eksbuild\.\d+$"),
            AfterValidator(_knows_efa_only),
        ]
        | None
    ) = None
    """Version of the vpc-cni addon; none: what EKS has as default for kubernetes_version."""
    public_endpoint_cidrs: tuple[IPv4Network, ...] = ()
    """Addresses that may reach the API server from outside the VPC; none: it stays private."""
    admin_role_arns: tuple[
        Annotated[str, StringConstraints(pattern=r"^arn:aws[\w-]*:iam::\d{12}:role/.+$")], ...
    ] = ()
    """IAM roles that administer the cluster, as EKS access entries."""
    system_instance_type: InstanceTypePattern = "m6i.xlarge"
    """Instance type of the nodes for operators, Prometheus and CoreDNS."""
    system_nodes: Annotated[int, Field(ge=2, le=20)] = 2
    """How many of them."""
    system_ami_release_version: AmiReleaseVersion
    """Release of the AL2023 AMI for these nodes, pinned."""
    volume_kms_key_arn: KmsKeyArn | None = None
    """KMS key of the volumes of all nodes; none: the stack makes one and keeps it."""
    protect: bool = True
    """Whether Pulumi refuses to delete or replace the cluster, its keys and the weights."""
    log_retention_days: Literal[30, 60, 90, 180, 365, 731] = 90
    """How long control plane logs (audit among them) are kept."""

    @model_validator(mode="after")
    def _not_open_to_everybody(self) -> Self:
        for network in self.public_endpoint_cidrs:
            if network.prefixlen == 0:
                raise refused("public_endpoint_cidrs", network, "ranges of your own")
        return self
