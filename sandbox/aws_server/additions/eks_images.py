"""EKS's images of Amazon Linux 2023, which AWS publishes in every region.

Their names carry the release: 1.35.2-20261015 is
amazon-eks-node-al2023-x86_64-nvidia-1.35-v20261015.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from moto.ec2.models.amis import Ami

from sandbox.aws_server.additions import ec2_parts

RELEASES = ("1.35.2-20261015", "1.35.2-20261101")
VARIANTS = ("standard", "nvidia")
OWNER_ID, OWNER_ALIAS = "602401143452", "amazon"


def image_name(release: str, variant: str) -> str:
    version, _, day = release.partition("-")
    minor = version.rsplit(".", 1)[0]
    return f"amazon-eks-node-al2023-x86_64-{variant}-{minor}-v{day}"


class EksImages:
    """Every region's backend has the images from its beginning, and after a reset."""

    amis: dict[str, Ami]

    def __init__(self) -> None:
        self.amis |= {image.id: image for image in _images(self)}


def _images(backend: Any) -> Iterator[Ami]:
    for release in RELEASES:
        for variant in VARIANTS:
            name = image_name(release, variant)
            digest = hashlib.sha256(f"{backend.region_name} {name}".encode()).hexdigest()
            yield Ami(
                backend,
                f"ami-{digest[:17]}",
                name=name,
                description=f"EKS-optimized Kubernetes node based on Amazon Linux 2023, {release}",
                owner_id=OWNER_ID,
                owner_alias=OWNER_ALIAS,
                public=True,
                architecture="x86_64",
                virtualization_type="hvm",
                hypervisor="xen",
                root_device_type="ebs",
                root_device_name="/dev/xvda",
                image_location=f"{OWNER_ALIAS}/{name}",
                creation_date=datetime.strptime(release[-8:], "%Y%m%d"),
            )


def install() -> None:
    ec2_parts.add_backend(EksImages)
