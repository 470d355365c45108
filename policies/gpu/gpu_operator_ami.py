"""The GPU operator leaves alone what the AMI of the nodes brings.

EKS' NVIDIA AMIs bring driver and container toolkit. The operator's driver does not
install on Amazon Linux (gpu-operator#686), and its toolkit rewrites the configuration
of containerd, after which new nodes never become ready (METR/hawk#273). AL2023 lacks
the device plugin; Bottlerocket has one, and a second would register the GPUs twice.
https://docs.aws.amazon.com/eks/latest/userguide/ml-eks-optimized-ami.html
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pulumi_policy import PolicyResource, Severity, StackValidationPolicy

from catalog.charts import GPU_OPERATOR
from policies.aws.node_groups import NODE_GROUP, is_gpu_group, of_type
from policies.declared import declared
from policies.kubernetes.helm_releases import Release, releases_of
from policies.reading import child, shown
from policies.review import Config, Review, of_stack, resource


@dataclass(frozen=True, slots=True)
class _Ami:
    """NVIDIA AMIs of one operating system: parts of the operator that must be off, and on."""

    name: str
    off: tuple[str, ...]
    on: tuple[str, ...] = ()


_AMIS = (
    _Ami("AL2023", off=("driver", "toolkit"), on=("devicePlugin",)),
    _Ami("BOTTLEROCKET", off=("driver", "toolkit", "devicePlugin")),
)


def _check(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
    for release in releases_of(review, resources, GPU_OPERATOR):
        for group in of_type(resources, NODE_GROUP):
            with review.reading(resource(group).place):
                ami_type = child(declared(group), "amiType")
                ami = _nvidia_ami(ami_type)
                if ami is not None:
                    _check_release(review, release, ami, group, str(ami_type))
                elif is_gpu_group(group, resources):
                    review.could_not_check(
                        resource(group).place, f"what an AMI of type {shown(ami_type)} brings"
                    )


def _nvidia_ami(ami_type: object) -> _Ami | None:
    """By the words of a type such as AL2023_x86_64_NVIDIA or BOTTLEROCKET_ARM_64_NVIDIA_FIPS."""
    words = ami_type.split("_") if isinstance(ami_type, str) else []
    return next((a for a in _AMIS if words[:1] == [a.name] and "NVIDIA" in words), None)


def _check_release(
    review: Review, release: Release, ami: _Ami, group: PolicyResource, ami_type: str
) -> None:
    wanted = dict.fromkeys(ami.off, False) | dict.fromkeys(ami.on, True)
    where = f'on {ami_type}, the AMI of node group "{group.name}"'
    for part, want in wanted.items():
        with review.reading(release.place):
            given = release.value(part, "enabled")
            # Each is on by the chart's own default.
            if (given is not False) != want:
                found = "on by default" if given is None else shown(given)
                review.refuse(
                    release.place,
                    found=f"{part}.enabled {found}",
                    allowed=f"{str(want).lower()} {where}",
                    fix=f"set values.{part}.enabled to {str(want).lower()}",
                )


POLICY = StackValidationPolicy(
    name="kubernetes-gpu-operator-fits-ami",
    display_name="The GPU operator fits the AMI",
    description="The GPU operator installs no driver, toolkit or device plugin that the AMI of the"
    " GPU nodes brings, and the device plugin that it lacks.",
    validate=of_stack(_check),
    severity=Severity.HIGH,
    tags=["eks", "gpu", "helm", "kubernetes"],
    remediation_steps="On AL2023 NVIDIA AMIs set driver.enabled and toolkit.enabled to false and"
    " leave devicePlugin on; on Bottlerocket set all three to false.",
    url="https://docs.aws.amazon.com/eks/latest/userguide/ml-eks-optimized-ami.html",
)
