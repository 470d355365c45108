"""Whether the pinned AMI releases exist.

Release 1.35.2-20261015 of the GPU nodes is the image
amazon-eks-node-al2023-x86_64-nvidia-1.35-v20261015; the patch of Kubernetes is in its
description: "..., (k8s: 1.35.2, containerd: ...)".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from preflight.check import Check
from preflight.clients import Clients
from preflight.finding import Finding, fail, ok
from preflight.plan import Plan

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import ImageTypeDef

TITLE = "AMI release"
GPU_KEY = "gpu_node_group.ami_release_version"
SYSTEM_KEY = "cluster.system_ami_release_version"
_PATCH = re.compile(r"k8s: (\d+\.\d+\.\d+)")


def _look(plan: Plan, aws: Clients) -> Iterator[Finding]:
    gpu_nodes, cluster = plan.gpu_nodes, plan.settings.cluster
    for variant, key, release in (
        ("nvidia", GPU_KEY, gpu_nodes.ami_release_version),
        ("standard", SYSTEM_KEY, cluster.system_ami_release_version),
    ):
        prefix = f"amazon-eks-node-al2023-x86_64-{variant}-{cluster.kubernetes_version}-v"
        answer = aws.ec2.describe_images(
            Owners=["amazon"], Filters=[{"Name": "name", "Values": [f"{prefix}*"]}]
        )
        days = {image["Name"].removeprefix(prefix): image for image in answer["Images"]}
        yield _judged(plan, key, release, days)


def _judged(plan: Plan, key: str, release: str, days: dict[str, ImageTypeDef]) -> Finding:
    """`days` has the images by the day in their name, which sorts."""
    if not days:
        return fail(
            TITLE,
            f"{plan.region} has no AMI of Kubernetes {plan.settings.cluster.kubernetes_version}",
            "take a cluster.kubernetes_version that `aws eks describe-cluster-versions` lists",
        )
    newest = max(days)
    version, _, day = release.partition("-")
    if day not in days:
        return fail(
            TITLE,
            f"no release {release}",
            f"set {key} to {_release(days[newest], newest)}, the newest",
        )
    patch = _patch(days[day])
    if patch is not None and patch != version:
        return fail(
            TITLE,
            f"the release of {day} is {patch}-{day}, not {release}",
            f"set {key} to {patch}-{day}",
        )
    nodes = "GPU nodes" if key == GPU_KEY else "system nodes"
    newer = "" if day == newest else f", the newest is of {newest}"
    return ok(TITLE, f"{nodes}: {release} is there{newer}")


def _release(image: ImageTypeDef, day: str) -> str:
    minor = image["Name"].rsplit("-", 2)[1]
    return f"{_patch(image) or f'{minor}.<patch>'}-{day}"


def _patch(image: ImageTypeDef) -> str | None:
    match = _PATCH.search(image.get("Description", ""))
    return match[1] if match else None


CHECK = Check(TITLE, ("ec2:DescribeImages",), _look)
